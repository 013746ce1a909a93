// The twin of the WebSocket fan-out: a bare epoll server that does nothing but write. What it reaches is what the
// kernel allows; `wsload` receives from it exactly as from Millrace. Prints one JSON object when told to stop (SIGTERM).
//
//   fanout --port P --clients N [--messages 1] [--payload 200] [--flushes PER_SECOND, 0: as fast as possible]
//
// Waits for N upgraded clients, then writes a flush of `messages` frames to each of them, in turn, by one send. With
// --flushes, each frame begins with {"sentNanos":T}, the time at which its flush was due: for `wsload --stamp sentNanos`.
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>

#include "loop.h"

typedef struct {
  int fd;
  bool isOpen;
  /// The next message it is to get: a client is where it is, not where the others are.
  uint64_t position;
  /// Bytes of the current flush that are still to be written; the socket was full.
  size_t left;
} Client;

static int port = 0, clientCount = 1, messages = 1, payload = 200;
static double flushesPerSecond = 0;
static int epoll, openCount;
/// A client went: what follows is an ending, not part of the measurement.
static bool isEnding;
static Client *clients;
static volatile sig_atomic_t isStopping;

static void stop(int signal) {
  (void)signal;
  isStopping = 1;
}

static double seconds(clockid_t clock) { return (double)micros(clock) / 1e6; }

static void watch(Client *client, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = client};
  if (epoll_ctl(epoll, operation, client->fd, &event) < 0) die("epoll_ctl");
}

static const Option options[] = {
  {.name = "--port", .whole = &port}, {.name = "--clients", .whole = &clientCount},
  {.name = "--messages", .whole = &messages}, {.name = "--payload", .whole = &payload},
  {.name = "--flushes", .real = &flushesPerSecond}, {0},
};

/// Accepts and answers upgrade requests until all clients are there.
static void acceptAll(void) {
  static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
  int listener = listenOn("127.0.0.1", port);
  Client own = {.fd = listener};
  watch(&own, EPOLL_CTL_ADD, EPOLLIN);
  for (int accepted = 0; openCount < clientCount && !isStopping;) {
    struct epoll_event events[256];
    int count = epoll_wait(epoll, events, 256, 100);
    for (int index = 0; index < count; index++) {
      Client *client = events[index].data.ptr;
      char ignored[4096];
      if (client == &own) {
        if (accepted == clientCount) continue;
        client = &clients[accepted];
        client->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (client->fd < 0) continue;
        accepted += 1;
        sendAtOnce(client->fd);
        watch(client, EPOLL_CTL_ADD, EPOLLIN);
      } else if (recv(client->fd, ignored, sizeof ignored, 0) > 0 && !client->isOpen) {
        client->isOpen = true;
        openCount += 1;
        if (send(client->fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0) die("send");
      }
    }
  }
  epoll_ctl(epoll, EPOLL_CTL_DEL, listener, NULL);
}

/// Looks once for clients that went or say anything, as every server must; what they say is ignored.
static void attend(void) {
  struct epoll_event events[256];
  int count = epoll_wait(epoll, events, 256, 0);
  for (int index = 0; index < count; index++) {
    Client *client = events[index].data.ptr;
    char ignored[4096];
    if (client->fd < 0 || recv(client->fd, ignored, sizeof ignored, MSG_DONTWAIT) != 0) continue;
    epoll_ctl(epoll, EPOLL_CTL_DEL, client->fd, NULL);
    client->fd = -1;
    isEnding = true;
  }
}

/// Puts the wall time into each frame of the run.
static void stamp(uint8_t *run, size_t head, double seconds) {
  char text[64];
  int length = snprintf(text, sizeof text, "{\"sentNanos\":%lld}", (long long)(seconds * 1e6) * 1000);
  for (int index = 0; index < messages; index++) {
    memcpy(run + (size_t)index * (head + (size_t)payload) + head, text, (size_t)length);
  }
}

/// Writes what is left of a client's flush; returns whether all of it is written.
static bool flush(Client *client, const uint8_t *run, size_t size) {
  ssize_t sent = send(client->fd, run + size - client->left, client->left, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN) {
    client->fd = -1;
    isEnding = true;
    return true;
  }
  if (sent > 0) client->left -= (size_t)sent;
  return client->left == 0;
}

int main(int count, char **arguments) {
  parseOptions(options, count, arguments);
  require(port, "--port");
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  clients = calloc((size_t)clientCount, sizeof *clients);
  epoll = epoll_create1(0);
  acceptAll();

  // One contiguous run of the frames of a flush, the same for all clients.
  size_t head = payload < 126 ? 2 : 4, size = (head + (size_t)payload) * (size_t)messages;
  uint8_t *run = malloc(size);
  memset(run, 'x', size);
  for (int index = 0; index < messages; index++) {
    uint8_t *frame = run + (size_t)index * (head + (size_t)payload);
    frame[0] = 0x81;
    frame[1] = (uint8_t)(head == 2 ? payload : 126);
    if (head == 4) { frame[2] = (uint8_t)(payload >> 8); frame[3] = (uint8_t)payload; }
  }

  uint64_t rounds = 0, sent = 0, counted = 0, waits = 0;
  double elapsed = 1e-6, cpu = 1e-6;
  double began = seconds(CLOCK_MONOTONIC), cpuBefore = seconds(CLOCK_PROCESS_CPUTIME_ID);
  double offset = seconds(CLOCK_REALTIME) - seconds(CLOCK_MONOTONIC);
  while (!isStopping) {
    if (flushesPerSecond > 0) stamp(run, head, offset + began + (double)rounds / flushesPerSecond);
    for (int index = 0; index < clientCount && !isStopping; index++) {
      Client *client = &clients[index];
      if (client->fd < 0) continue;
      client->left = size;
      while (!flush(client, run, size) && !isStopping) {
        struct epoll_event event;
        waits += 1;
        watch(client, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
        epoll_wait(epoll, &event, 1, 10);
        watch(client, EPOLL_CTL_MOD, EPOLLIN);
      }
      client->position += (uint64_t)messages;
      sent += 1;
    }
    rounds += 1;
    attend();
    if (!isEnding) {
      elapsed = seconds(CLOCK_MONOTONIC) - began;
      cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpuBefore;
      counted = sent;
    }
    if (flushesPerSecond > 0) {
      double ahead = began + (double)rounds / flushesPerSecond - seconds(CLOCK_MONOTONIC);
      if (ahead > 0) usleep((useconds_t)(ahead * 1e6));
    }
  }
  printf("{\"clients\":%d,\"messagesPerFlush\":%d,\"payloadBytes\":%d,\"seconds\":%.3f,\"deliveries\":%llu,"
    "\"deliveriesPerSecond\":%.0f,\"cpuSeconds\":%.3f,\"deliveriesPerCPUSecond\":%.0f,\"waits\":%llu}\n",
    clientCount, messages, payload, elapsed, (unsigned long long)(counted * (uint64_t)messages),
    (double)(counted * (uint64_t)messages) / elapsed, cpu, (double)(counted * (uint64_t)messages) / cpu,
    (unsigned long long)waits);
  return 0;
}
