// A WebSocket load generator: N clients on one epoll loop, counted and timed. Prints one JSON object.
//
//   wsload --port P [--host 127.0.0.1] [--path /v1/stream] [--clients N] [--seconds S] [--warmup S]
//          [--subscribe JSON] [--stamp NAME] [--probe MILLIS [--probe-path PATH] [--probe-header "K: V"]]
//
// Latency, in microseconds, of what arrives after the warm-up:
// --stamp NAME    the wall time now less the integer milliseconds (or nanoseconds) of the frame's member NAME.
// --probe MILLIS  posts one tick each MILLIS whose price is the time at which it was due to be sent, in microseconds
//                 modulo 10^9; a frame's "price" then tells how long the tick took. Due, not sent: a stall of the
//                 server delays the posts that follow it, and must not hide in that.
#include <stdbool.h>
#include <sys/epoll.h>

#include "histogram.h"
#include "loop.h"

enum { bufferBytes = 4 << 20, connectsInFlight = 128, probeModulus = 1000000000 };

typedef struct {
  int fd;
  bool isOpen;
  uint32_t carried;
  uint8_t *carry;
} Client;

static const char *host = "127.0.0.1", *path = "/v1/stream", *subscription = "", *stamp = NULL;
static const char *probePath = "/v1/ingest/prices.ticks", *probeHeader = NULL;
static int port = 0, clientCount = 1, probeMillis = 0;
static double seconds = 5, warmup = 1;

static uint8_t buffer[bufferBytes];
static Client *clients;
static int epoll, openCount, failedCount;
static bool isCounting;
static uint64_t frames, bytes, reads;
static Histogram latencies;

static void drop(Client *client) {
  close(client->fd);
  client->fd = -1;
  failedCount += 1;
}

/// A client's frame: masked, by a key of zeros, which leaves the payload as it is.
static void sendFrame(int fd, uint8_t opcode, const void *payload, size_t size) {
  uint8_t frame[8 + 4096] = {(uint8_t)(0x80 | opcode)};
  size_t head = 2;
  if (size > 4000) return;
  if (size < 126) {
    frame[1] = (uint8_t)(0x80 | size);
  } else {
    frame[1] = 0x80 | 126;
    frame[2] = (uint8_t)(size >> 8);
    frame[3] = (uint8_t)size;
    head = 4;
  }
  memcpy(frame + head + 4, payload, size);
  if (send(fd, frame, head + 4 + size, MSG_NOSIGNAL) < 0 && errno != EAGAIN) die("send");
}

static void take(const uint8_t *payload, size_t size) {
  frames += 1;
  if (!isCounting || (!stamp && !probeMillis)) return;
  char name[64];
  int length = snprintf(name, sizeof name, "\"%s\":", probeMillis ? "price" : stamp);
  const char *found = memmem(payload, size, name, (size_t)length);
  if (!found) return;
  int64_t now = micros(CLOCK_REALTIME), value = strtoll(found + length, NULL, 10), delay;
  if (probeMillis) {
    delay = (now % probeModulus - value + probeModulus) % probeModulus;
  } else {
    delay = now - (value > 1000000000000000LL ? value / 1000 : value * 1000);
  }
  histogramAdd(&latencies, delay);
}

/// Counts the whole frames in `data`; returns how many bytes they take.
static size_t parse(Client *client, const uint8_t *data, size_t size) {
  size_t at = 0;
  while (size - at >= 2) {
    uint64_t payload = data[at + 1] & 0x7f;
    size_t head = payload == 126 ? 4 : payload == 127 ? 10 : 2;
    if (size - at < head) break;
    if (head > 2) payload = 0;
    for (size_t index = 2; index < head; index++) payload = payload << 8 | data[at + index];
    if (payload > bufferBytes - head) die("a frame larger than the buffer");
    if (size - at < head + payload) break;
    uint8_t opcode = data[at] & 0x0f;
    if (opcode == 1 || opcode == 2) take(data + at + head, payload);
    if (opcode == 9) sendFrame(client->fd, 10, data + at + head, payload);
    at += head + payload;
  }
  return at;
}

/// The answer to the upgrade request; returns its size, or 0 until it is whole.
static size_t parseAnswer(Client *client, const uint8_t *data, size_t size) {
  const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
  if (!end) return 0;
  if (memcmp(data, "HTTP/1.1 101", 12) != 0) {
    fprintf(stderr, "wsload: refused: %.*s\n", 60, data);
    exit(1);
  }
  client->isOpen = true;
  openCount += 1;
  if (*subscription) sendFrame(client->fd, 1, subscription, strlen(subscription));
  return (size_t)(end - data) + 4;
}

static void receive(Client *client) {
  memcpy(buffer, client->carry, client->carried);
  ssize_t got = recv(client->fd, buffer + client->carried, bufferBytes - client->carried, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return drop(client);
  bytes += (uint64_t)got;
  reads += 1;
  size_t size = client->carried + (size_t)got, used = 0;
  if (!client->isOpen) used = parseAnswer(client, buffer, size);
  if (client->isOpen) used += parse(client, buffer + used, size - used);
  client->carried = (uint32_t)(size - used);
  if (client->carried == 0) {
    free(client->carry);
    client->carry = NULL;
    return;
  }
  client->carry = realloc(client->carry, client->carried);
  memcpy(client->carry, buffer + used, client->carried);
}

static void start(Client *client) {
  client->fd = connectTo(host, port, SOCK_NONBLOCK);
  struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.ptr = client};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event) < 0) die("epoll_ctl");
}

static void upgrade(Client *client) {
  char request[512];
  int length = snprintf(request, sizeof request,
    "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: millrace.v1\r\n\r\n", path, host, port);
  if (send(client->fd, request, (size_t)length, MSG_NOSIGNAL) != length) return drop(client);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
  epoll_ctl(epoll, EPOLL_CTL_MOD, client->fd, &event);
}

/// Sends a tick whose price says when it was due.
static void probe(int fd, int64_t dueMicros) {
  char body[256], request[1024], ignored[8192];
  int size = snprintf(body, sizeof body,
    "{\"instrument\":\"PROBE/USD\",\"source\":\"probe\",\"price\":%lld,\"volume\":1,\"eventTime\":%lld}\n",
    (long long)(dueMicros % probeModulus), (long long)(dueMicros / 1000));
  int length = snprintf(request, sizeof request,
    "POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/x-ndjson\r\n%s%sContent-Length: %d\r\n\r\n%s",
    probePath, host, port, probeHeader ? probeHeader : "", probeHeader ? "\r\n" : "", size, body);
  if (send(fd, request, (size_t)length, MSG_NOSIGNAL) != length) die("probe");
  ssize_t got = recv(fd, ignored, sizeof ignored - 1, MSG_DONTWAIT);
  if (got > 12 && memcmp(ignored + 9, "20", 2) != 0) {
    ignored[got] = 0;
    fprintf(stderr, "wsload: probe refused: %s\n", ignored);
    exit(1);
  }
}

static void poll(int timeoutMillis) {
  struct epoll_event events[512];
  int count = epoll_wait(epoll, events, 512, timeoutMillis);
  for (int index = 0; index < count; index++) {
    Client *client = events[index].data.ptr;
    if (client->fd < 0) continue;
    if (events[index].events & (EPOLLERR | EPOLLHUP) && !(events[index].events & EPOLLIN)) drop(client);
    else if (events[index].events & EPOLLOUT) upgrade(client);
    else receive(client);
  }
}

static void connectAll(void) {
  clients = calloc((size_t)clientCount, sizeof *clients);
  epoll = epoll_create1(0);
  int64_t deadline = micros(CLOCK_REALTIME) + 60000000;
  for (int started = 0; openCount + failedCount < clientCount;) {
    while (started < clientCount && started - openCount - failedCount < connectsInFlight) start(&clients[started++]);
    poll(10);
    if (micros(CLOCK_REALTIME) > deadline) die("not all clients are connected after a minute");
  }
}

static const Option options[] = {
  {.name = "--host", .text = &host}, {.name = "--port", .whole = &port}, {.name = "--path", .text = &path},
  {.name = "--clients", .whole = &clientCount}, {.name = "--seconds", .real = &seconds},
  {.name = "--warmup", .real = &warmup}, {.name = "--subscribe", .text = &subscription},
  {.name = "--stamp", .text = &stamp}, {.name = "--probe", .whole = &probeMillis},
  {.name = "--probe-path", .text = &probePath}, {.name = "--probe-header", .text = &probeHeader}, {0},
};

int main(int count, char **arguments) {
  parseOptions(options, count, arguments);
  require(port, "--port");
  int64_t began = micros(CLOCK_REALTIME);
  connectAll();
  int64_t connected = micros(CLOCK_REALTIME);
  // Whoever runs this may now look at the server with all its clients.
  fprintf(stderr, "ready\n");
  int probeSocket = probeMillis ? connectTo(host, port, 0) : -1;
  int64_t from = connected + (int64_t)(warmup * 1e6), until = from + (int64_t)(seconds * 1e6), due = micros(CLOCK_REALTIME);
  int64_t cpuBefore = 0;
  for (int64_t now; (now = micros(CLOCK_REALTIME)) < until;) {
    if (!isCounting && now >= from) {
      isCounting = true;
      from = now;
      frames = bytes = reads = 0;
      cpuBefore = micros(CLOCK_PROCESS_CPUTIME_ID);
    }
    if (probeMillis && now >= due) {
      probe(probeSocket, due);
      due += probeMillis * 1000LL;
    }
    poll(probeMillis ? 1 : 10);
  }
  double elapsed = (double)(micros(CLOCK_REALTIME) - from) / 1e6, cpu = (double)(micros(CLOCK_PROCESS_CPUTIME_ID) - cpuBefore) / 1e6;
  printf("{\"clients\":%d,\"failed\":%d,\"connectSeconds\":%.3f,\"seconds\":%.3f,\"frames\":%llu,\"bytes\":%llu,"
    "\"reads\":%llu,\"framesPerSecond\":%.0f,\"cpuShare\":%.3f,\"latencyMicros\":",
    openCount, failedCount, (double)(connected - began) / 1e6, elapsed, (unsigned long long)frames,
    (unsigned long long)bytes, (unsigned long long)reads, (double)frames / elapsed, cpu / elapsed);
  histogramPrint(&latencies);
  printf("}\n");
  return failedCount > 0;
}
