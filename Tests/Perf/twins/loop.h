// What the twins and the load generators share: time, options, sockets. Everything fails by ending the program.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static inline void die(const char *what) {
  fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
  exit(1);
}

/// Microseconds of a clock: CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID.
static inline int64_t micros(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/// An option `--name value`; one of the targets is set.
typedef struct {
  const char *name;
  const char **text;
  int *whole;
  double *real;
} Option;

/// Options in pairs; the table ends with one that has no name.
static inline void parseOptions(const Option *options, int count, char **arguments) {
  for (int index = 1; index + 1 < count; index += 2) {
    const Option *option = options;
    while (option->name && strcmp(option->name, arguments[index])) option++;
    if (!option->name) {
      fprintf(stderr, "%s: unknown argument %s\n", program_invocation_short_name, arguments[index]);
      exit(2);
    }
    if (option->text) *option->text = arguments[index + 1];
    if (option->whole) *option->whole = atoi(arguments[index + 1]);
    if (option->real) *option->real = atof(arguments[index + 1]);
  }
}

static inline void require(int value, const char *name) {
  if (value != 0) return;
  fprintf(stderr, "%s: %s is required\n", program_invocation_short_name, name);
  exit(2);
}

static inline void sendAtOnce(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static inline struct sockaddr_in addressOf(const char *host, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) die(host);
  return address;
}

/// `flags` are those of the socket's type, such as SOCK_NONBLOCK.
static inline int connectTo(const char *host, int port, int flags) {
  int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
  if (fd < 0) die("socket");
  sendAtOnce(fd);
  struct sockaddr_in address = addressOf(host, port);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) die("connect");
  return fd;
}

static inline int listenOn(const char *host, int port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = addressOf(host, port);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  if (listen(fd, 4096) < 0) die("listen");
  return fd;
}
