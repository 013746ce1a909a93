// librdkafka, Apache Kafka's client in C, and its built-in mock cluster for tests. Debian: librdkafka-dev.
#ifndef MILLRACE_CKAFKA_H
#define MILLRACE_CKAFKA_H

#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

// rd_kafka_producev() is variadic, which Swift does not import. (rd_kafka_produceva() is not, but frees the headers
// twice before 2.12.0 when the partition does not exist.) The value is not copied: it must stay where it is until the
// delivery report. On success the message owns `headers`, which may be null.
static inline rd_kafka_resp_err_t millrace_kafka_produce(
    rd_kafka_t *handle, rd_kafka_topic_t *topic, int32_t partition, int64_t timestamp, const void *key, size_t key_size,
    const void *value, size_t value_size, rd_kafka_headers_t *headers, void *opaque) {
  if (headers)
    return rd_kafka_producev(handle, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(partition),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_BLOCK), RD_KAFKA_V_TIMESTAMP(timestamp),
                             RD_KAFKA_V_KEY(key, key_size), RD_KAFKA_V_VALUE((void *)value, value_size),
                             RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
  return rd_kafka_producev(handle, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(partition),
                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_BLOCK), RD_KAFKA_V_TIMESTAMP(timestamp),
                           RD_KAFKA_V_KEY(key, key_size), RD_KAFKA_V_VALUE((void *)value, value_size),
                           RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
}

// The same without headers and delivery report, with a copy of key and value.
static inline rd_kafka_resp_err_t millrace_kafka_produce_copy(
    rd_kafka_t *handle, rd_kafka_topic_t *topic, int32_t partition, int64_t timestamp, const void *key, size_t key_size,
    const void *value, size_t value_size) {
  return rd_kafka_producev(handle, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(partition),
                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK),
                           RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_KEY(key, key_size),
                           RD_KAFKA_V_VALUE((void *)value, value_size), RD_KAFKA_V_END);
}

// A position with a text of whoever commits it. Swift cannot make a string that C frees.
static inline void millrace_kafka_add_position(
    rd_kafka_topic_partition_list_t *list, const char *topic, int32_t partition, int64_t offset, const char *note) {
  rd_kafka_topic_partition_t *entry = rd_kafka_topic_partition_list_add(list, topic, partition);
  entry->offset = offset;
  entry->metadata = strdup(note);
  entry->metadata_size = entry->metadata ? strlen(note) : 0;
}

// The mock cluster's next answer to a request of this kind comes late, and is right. Variadic as well.
static inline void millrace_kafka_mock_delay(
    rd_kafka_mock_cluster_t *cluster, int32_t broker, int16_t request, int millis) {
  rd_kafka_mock_broker_push_request_error_rtts(cluster, broker, request, 1, RD_KAFKA_RESP_ERR_NO_ERROR, millis);
}

#endif
