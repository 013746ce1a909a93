// The twin of `millrace bench consume`: nothing but librdkafka's batch queue, with the settings of our consumer. Both
// count from before the consumer's handle is made to the end of the partition, and look at each record's time and the
// last bytes of its key and value: `sum` shows that it was the same. Ours goes through batches that a fold could read.
// Usage: kafkaconsume --bootstrap HOST:PORT --topic TOPIC. Reads partition 0 to its end, prints one JSON object.
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { BATCH = 1024 };

static const char *const SETTINGS[][2] = {
    {"isolation.level", "read_committed"}, {"enable.partition.eof", "true"}, {"check.crcs", "true"},
    {"fetch.wait.max.ms", "50"}, {"fetch.message.max.bytes", "1048576"}, {"queued.max.messages.kbytes", "8192"},
    {"queued.min.messages", "100000"}, {"socket.nagle.disable", "true"}, {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
};

static void die(const char *what) {
  fprintf(stderr, "kafkaconsume: %s\n", what);
  exit(1);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static const char *option(int count, char **words, const char *name) {
  for (int i = 1; i + 1 < count; i++)
    if (strcmp(words[i], name) == 0) return words[i + 1];
  die(name);
  return NULL;
}

static unsigned char last_byte(const void *start, size_t count) {
  return count ? ((const unsigned char *)start)[count - 1] : 0;
}

int main(int count, char **words) {
  const char *name = option(count, words, "--topic");
  char error[512];
  rd_kafka_conf_t *settings = rd_kafka_conf_new();
  if (rd_kafka_conf_set(settings, "bootstrap.servers", option(count, words, "--bootstrap"), error, sizeof error)) die(error);
  for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++)
    if (rd_kafka_conf_set(settings, SETTINGS[i][0], SETTINGS[i][1], error, sizeof error)) die(error);
  double start = seconds(), cpu = cpu_seconds();
  rd_kafka_t *handle = rd_kafka_new(RD_KAFKA_CONSUMER, settings, error, sizeof error);
  if (!handle) die(error);
  rd_kafka_topic_t *topic = rd_kafka_topic_new(handle, name, NULL);
  int64_t low, high;
  if (rd_kafka_query_watermark_offsets(handle, name, 0, &low, &high, 10000)) die("no such topic");

  rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
  if (rd_kafka_consume_start_queue(topic, 0, RD_KAFKA_OFFSET_BEGINNING, queue)) die("cannot start");
  static rd_kafka_message_t *messages[BATCH];
  long long records = 0, bytes = 0;
  unsigned long long sum = 0;
  for (int ended = 0; !ended;) {
    ssize_t taken = rd_kafka_consume_batch_queue(queue, 10, messages, BATCH);
    for (ssize_t i = 0; i < taken; i++) {
      rd_kafka_message_t *message = messages[i];
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        ended = 1;
      } else if (message->err) {
        die(rd_kafka_message_errstr(message));
      } else {
        records++;
        bytes += (long long)(message->len + message->key_len);
        sum += (unsigned long long)rd_kafka_message_timestamp(message, NULL) + last_byte(message->key, message->key_len) +
               last_byte(message->payload, message->len);
      }
      rd_kafka_message_destroy(message);
    }
  }
  double elapsed = seconds() - start;
  cpu = cpu_seconds() - cpu;
  printf("{\"records\":%lld,\"bytes\":%lld,\"sum\":%llu,\"recordsPerSecond\":%.0f,\"recordsPerCPUSecond\":%.0f}\n",
         records, bytes, sum, (double)records / elapsed, (double)records / cpu);
  fflush(stdout);
  _Exit(0);  // Closing waits for fetches under way, and there is nothing left to lose.
}
