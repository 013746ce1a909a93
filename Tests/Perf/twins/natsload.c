// NATS JetStream for the log's benchmarks: asynchronous publishing to a file stream, and reading all of it again.
//
//   natsload publish|replay --url nats://127.0.0.1:4222 --records N --payload BYTES
//
// Prints one JSON object. `publish` ends when the server has acknowledged everything; `replay` reads what it left.
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t nowNanos(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void check(natsStatus status, const char *what) {
  if (status == NATS_OK) return;
  fprintf(stderr, "natsload: %s: %s\n", what, natsStatus_GetText(status));
  exit(1);
}

int main(int count, char **words) {
  const char *url = "nats://127.0.0.1:4222";
  int64_t records = 1000000, payloadBytes = 128;
  for (int index = 2; index + 1 < count; index += 2) {
    if (!strcmp(words[index], "--url")) url = words[index + 1];
    if (!strcmp(words[index], "--records")) records = atoll(words[index + 1]);
    if (!strcmp(words[index], "--payload")) payloadBytes = atoll(words[index + 1]);
  }
  natsConnection *connection;
  jsCtx *stream;
  jsOptions options;
  jsErrCode code;
  check(natsConnection_ConnectTo(&connection, url), "connect");
  check(jsOptions_Init(&options), "options");
  // As the client's manual advises for throughput: many in flight, bounded.
  options.PublishAsync.MaxPending = 16384;
  options.PublishAsync.StallWait = 60000;
  check(natsConnection_JetStream(&stream, connection, &options), "JetStream");
  int64_t start;
  if (count > 1 && !strcmp(words[1], "publish")) {
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    const char *subjects[] = {"bench"};
    config.Name = "BENCH";
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    check(js_AddStream(NULL, stream, &config, NULL, &code), "add stream");
    char *payload = malloc(payloadBytes);
    srandom(1);
    for (int64_t index = 0; index < payloadBytes; index++) payload[index] = (char)random();
    start = nowNanos();
    for (int64_t index = 0; index < records; index++)
      check(js_PublishAsync(stream, "bench", payload, (int)payloadBytes, NULL), "publish");
    jsPubOptions wait;
    jsPubOptions_Init(&wait);
    wait.MaxWait = 60000;
    check(js_PublishAsyncComplete(stream, &wait), "acknowledgements");
  } else {
    natsSubscription *subscription;
    jsSubOptions ordered;
    jsSubOptions_Init(&ordered);
    ordered.Ordered = true;
    start = nowNanos();
    check(js_SubscribeSync(&subscription, stream, "bench", NULL, &ordered, &code), "subscribe");
    natsSubscription_SetPendingLimits(subscription, -1, -1);
    for (int64_t index = 0; index < records; index++) {
      natsMsg *message;
      check(natsSubscription_NextMsg(&message, subscription, 20000), "next");
      natsMsg_Destroy(message);
    }
  }
  double seconds = (double)(nowNanos() - start) / 1e9;
  printf("{\"recordsPerSecond\":%.0f}\n", (double)records / seconds);
  return 0;
}
