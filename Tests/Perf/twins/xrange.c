// Reads a Redis stream from the start to its end by XRANGE, a page at a time, as its manual advises for iteration.
//
//   xrange --port P --stream NAME --page 1000
//
// Prints one JSON object. Parses the answers itself: no client library between the figure and the server.
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buffer[1 << 20];
static size_t have, place;
static int server;

static void need(size_t count) {
  while (have - place < count) {
    memmove(buffer, buffer + place, have - place);
    have -= place;
    place = 0;
    ssize_t got = recv(server, buffer + have, sizeof buffer - have, 0);
    if (got <= 0) {
      fprintf(stderr, "xrange: the server closed the connection\n");
      exit(1);
    }
    have += (size_t)got;
  }
}

// One line of the protocol without its end: its type, and the number in it.
static char header(int64_t *number) {
  size_t length = 0;
  char *end;
  for (;;) {
    need(length + 1);
    end = memchr(buffer + place, '\n', have - place);
    if (end) break;
    length = have - place;
  }
  char type = buffer[place];
  *number = strtoll(buffer + place + 1, NULL, 10);
  if (type == '-') {
    fprintf(stderr, "xrange: %.*s\n", (int)(end - buffer - place), buffer + place);
    exit(1);
  }
  place = (size_t)(end + 1 - buffer);
  return type;
}

static int64_t bulk(char *copy, size_t room) {
  int64_t length;
  header(&length);
  need((size_t)length + 2);
  if (copy && (size_t)length < room) {
    memcpy(copy, buffer + place, (size_t)length);
    copy[length] = 0;
  }
  place += (size_t)length + 2;
  return length;
}

int main(int count, char **words) {
  int port = 6379, page = 1000;
  const char *stream = "bench";
  for (int index = 1; index + 1 < count; index += 2) {
    if (!strcmp(words[index], "--port")) port = atoi(words[index + 1]);
    if (!strcmp(words[index], "--page")) page = atoi(words[index + 1]);
    if (!strcmp(words[index], "--stream")) stream = words[index + 1];
  }
  server = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(server, (struct sockaddr *)&address, sizeof address) != 0) {
    fprintf(stderr, "xrange: connect: %s\n", strerror(errno));
    return 1;
  }
  char from[64] = "-", command[256];
  int64_t records = 0, bytes = 0;
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (;;) {
    int length = snprintf(command, sizeof command, "XRANGE %s %s%s + COUNT %d\r\n", stream, records ? "(" : "", from, page);
    if (send(server, command, (size_t)length, 0) != length) return 1;
    int64_t entries, parts, fields;
    header(&entries);
    if (entries <= 0) break;
    for (int64_t entry = 0; entry < entries; entry++) {
      header(&parts);
      bulk(from, sizeof from);
      header(&fields);
      for (int64_t field = 0; field < fields; field++) bytes += bulk(NULL, 0);
      records++;
    }
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
  printf("{\"recordsPerSecond\":%.0f,\"records\":%lld,\"bytes\":%lld}\n", (double)records / seconds, (long long)records,
    (long long)bytes);
  return 0;
}
