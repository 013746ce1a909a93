// An HTTP ingest load generator: K keep-alive connections, M ticks of NDJSON a request, one request in flight on each.
// Prints one JSON object: acknowledged ticks a second and the time from request to acknowledgement.
//
//   ingestload --port P [--host H] [--path /v1/ingest/prices.ticks] [--connections 4] [--ticks 1000]
//              [--instruments 1000] [--sources 5] [--seconds 5] [--warmup 1] [--header "X-API-Key: ..."]
#include <stdbool.h>
#include <strings.h>
#include <sys/epoll.h>

#include "histogram.h"
#include "loop.h"

enum { lineBytesMax = 160, headBytesMax = 1024, answerBytesMax = 1 << 20, bodiesPerConnection = 8 };

typedef struct {
  char *bytes;
  size_t size;
  /// Where each line's 13 digits of event time stand.
  uint32_t *times;
} Request;

typedef struct {
  int fd;
  Request requests[bodiesPerConnection];
  int next;
  size_t sent, received;
  int64_t began;
  char *answer;
} Connection;

static const char *host = "127.0.0.1", *path = "/v1/ingest/prices.ticks", *header = NULL;
static int port = 0, connectionCount = 4, tickCount = 1000, instrumentCount = 1000, sourceCount = 5;
static double seconds = 5, warmup = 1;
static bool isCounting;
static uint64_t acknowledged, refused, requests, bodyBytes;
static uint64_t seed = 0x9e3779b97f4a7c15;
static Histogram latencies;

static uint64_t draw(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

/// Lines as an exchange would send them: a price of six digits or so, a volume with eight decimals.
static Request makeRequest(void) {
  Request request = {.bytes = malloc(headBytesMax + (size_t)tickCount * lineBytesMax)};
  request.times = malloc((size_t)tickCount * sizeof *request.times);
  char *body = malloc((size_t)tickCount * lineBytesMax);
  size_t size = 0;
  for (int index = 0; index < tickCount; index++) {
    uint64_t instrument = draw() % (uint64_t)instrumentCount;
    uint64_t cents = 10000 + instrument * 997 + draw() % 100;
    int written = snprintf(body + size, lineBytesMax,
      "{\"instrument\":\"I%03llu/USD\",\"source\":\"s%llu\",\"price\":%llu.%02llu,\"volume\":%llu.%08llu,\"eventTime\":",
      (unsigned long long)instrument, (unsigned long long)(draw() % (uint64_t)sourceCount),
      (unsigned long long)(cents / 100), (unsigned long long)(cents % 100), (unsigned long long)(draw() % 10),
      (unsigned long long)(draw() % 100000000));
    request.times[index] = (uint32_t)(size + (size_t)written);
    size += (size_t)written;
    size += (size_t)sprintf(body + size, "0000000000000}\n");
  }
  int head = snprintf(request.bytes, headBytesMax,
    "POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/x-ndjson\r\n%s%sContent-Length: %zu\r\n\r\n",
    path, host, port, header ? header : "", header ? "\r\n" : "", size);
  memcpy(request.bytes + head, body, size);
  for (int index = 0; index < tickCount; index++) request.times[index] += (uint32_t)head;
  request.size = (size_t)head + size;
  free(body);
  return request;
}

static void openConnection(Connection *connection) {
  connection->fd = connectTo(host, port, 0);
  for (int index = 0; index < bodiesPerConnection; index++) connection->requests[index] = makeRequest();
  connection->answer = malloc(answerBytesMax);
}

static void push(Connection *connection, int epoll) {
  Request *request = &connection->requests[connection->next];
  while (connection->sent < request->size) {
    ssize_t sent = send(connection->fd, request->bytes + connection->sent, request->size - connection->sent,
      MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) die("send");
    if (sent < 0) break;
    connection->sent += (size_t)sent;
  }
  struct epoll_event event = {.data.ptr = connection};
  event.events = EPOLLIN | (connection->sent < request->size ? EPOLLOUT : 0);
  epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static void begin(Connection *connection, int epoll) {
  connection->next = (connection->next + 1) % bodiesPerConnection;
  Request *request = &connection->requests[connection->next];
  char digits[24];
  snprintf(digits, sizeof digits, "%013lld", (long long)(micros(CLOCK_REALTIME) / 1000));
  for (int index = 0; index < tickCount; index++) memcpy(request->bytes + request->times[index], digits, 13);
  connection->sent = connection->received = 0;
  connection->began = micros(CLOCK_MONOTONIC);
  push(connection, epoll);
}

/// True when a whole answer is there.
static bool pull(Connection *connection) {
  ssize_t got = recv(connection->fd, connection->answer + connection->received,
    answerBytesMax - 1 - connection->received, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return false;
  if (got <= 0) die("the server closed a connection");
  connection->received += (size_t)got;
  connection->answer[connection->received] = 0;
  char *end = strstr(connection->answer, "\r\n\r\n");
  if (!end) return false;
  char *length = strcasestr(connection->answer, "\r\ncontent-length:");
  size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
  if (connection->received < (size_t)(end - connection->answer) + 4 + body) return false;
  if (memcmp(connection->answer, "HTTP/1.1 2", 10) == 0) {
    acknowledged += isCounting ? (uint64_t)tickCount : 0;
  } else {
    refused += 1;
    if (refused == 1) fprintf(stderr, "ingestload: %.400s\n", connection->answer);
    if (refused > 100) exit(1);
  }
  if (isCounting) {
    requests += 1;
    bodyBytes += connection->requests[connection->next].size;
    histogramAdd(&latencies, micros(CLOCK_MONOTONIC) - connection->began);
  }
  return true;
}

static const Option options[] = {
  {.name = "--host", .text = &host}, {.name = "--port", .whole = &port}, {.name = "--path", .text = &path},
  {.name = "--connections", .whole = &connectionCount}, {.name = "--ticks", .whole = &tickCount},
  {.name = "--instruments", .whole = &instrumentCount}, {.name = "--sources", .whole = &sourceCount},
  {.name = "--seconds", .real = &seconds}, {.name = "--warmup", .real = &warmup},
  {.name = "--header", .text = &header}, {0},
};

int main(int count, char **arguments) {
  parseOptions(options, count, arguments);
  require(port, "--port");
  int epoll = epoll_create1(0);
  Connection *connections = calloc((size_t)connectionCount, sizeof *connections);
  for (int index = 0; index < connectionCount; index++) {
    openConnection(&connections[index]);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[index]};
    epoll_ctl(epoll, EPOLL_CTL_ADD, connections[index].fd, &event);
    begin(&connections[index], epoll);
  }
  int64_t from = micros(CLOCK_MONOTONIC) + (int64_t)(warmup * 1e6), until = from + (int64_t)(seconds * 1e6);
  int64_t cpuBefore = 0;
  for (int64_t now; (now = micros(CLOCK_MONOTONIC)) < until;) {
    if (!isCounting && now >= from) {
      isCounting = true;
      from = now;
      cpuBefore = micros(CLOCK_PROCESS_CPUTIME_ID);
    }
    struct epoll_event events[64];
    int ready = epoll_wait(epoll, events, 64, 10);
    for (int index = 0; index < ready; index++) {
      Connection *connection = events[index].data.ptr;
      if (events[index].events & EPOLLOUT) push(connection, epoll);
      if (events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && pull(connection)) begin(connection, epoll);
    }
  }
  double elapsed = (double)(micros(CLOCK_MONOTONIC) - from) / 1e6;
  double cpu = (double)(micros(CLOCK_PROCESS_CPUTIME_ID) - cpuBefore) / 1e6;
  printf("{\"connections\":%d,\"ticksPerRequest\":%d,\"seconds\":%.3f,\"requests\":%llu,\"acknowledged\":%llu,"
    "\"refused\":%llu,\"ticksPerSecond\":%.0f,\"bytesPerTick\":%.1f,\"cpuShare\":%.3f,\"latencyMicros\":",
    connectionCount, tickCount, elapsed, (unsigned long long)requests, (unsigned long long)acknowledged,
    (unsigned long long)refused, (double)acknowledged / elapsed,
    acknowledged ? (double)bodyBytes / (double)acknowledged : 0, cpu / elapsed);
  histogramPrint(&latencies);
  printf("}\n");
  return refused > 0;
}
