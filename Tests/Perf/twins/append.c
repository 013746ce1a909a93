// The twin of an append: write and fdatasync, over and over, of batches as large as those of the log. Nothing that
// acknowledges after an fdatasync of each batch can be faster on this disk; with `--sync 0`, nothing that writes as much
// through the page cache. Prints one JSON object.
//
//   append --file F --batch BYTES [--records PER_BATCH] [--seconds 3] [--batches MOST] [--sync 1] [--preallocate BYTES]
#include <fcntl.h>

#include "histogram.h"
#include "loop.h"

int main(int count, char **arguments) {
  const char *file = NULL;
  size_t batch = 65536;
  long records = 1, preallocated = 0, most = 0, syncs = 1;
  double seconds = 3;
  for (int index = 1; index + 1 < count; index += 2) {
    const char *name = arguments[index], *value = arguments[index + 1];
    if (!strcmp(name, "--file")) file = value;
    else if (!strcmp(name, "--batch")) batch = strtoul(value, NULL, 10);
    else if (!strcmp(name, "--records")) records = atol(value);
    else if (!strcmp(name, "--seconds")) seconds = atof(value);
    else if (!strcmp(name, "--batches")) most = atol(value);
    else if (!strcmp(name, "--sync")) syncs = atol(value);
    else if (!strcmp(name, "--preallocate")) preallocated = atol(value);
  }
  if (!file) die("--file is required");
  int fd = open(file, O_CREAT | O_TRUNC | O_WRONLY, 0644);
  if (fd < 0) die(file);
  if (preallocated > 0 && posix_fallocate(fd, 0, preallocated) != 0) die("posix_fallocate");
  uint8_t *bytes = malloc(batch);
  for (size_t index = 0; index < batch; index++) bytes[index] = (uint8_t)(index * 2654435761u >> 24);
  static Histogram latencies;
  uint64_t commits = 0;
  off_t at = 0;
  int64_t began = micros(CLOCK_MONOTONIC), until = began + (int64_t)(seconds * 1e6), last = began;
  while (most ? commits < (uint64_t)most : last < until) {
    if (pwrite(fd, bytes, batch, at) != (ssize_t)batch) die("pwrite");
    if (syncs && fdatasync(fd) < 0) die("fdatasync");
    at += (off_t)batch;
    commits += 1;
    int64_t now = micros(CLOCK_MONOTONIC);
    histogramAdd(&latencies, now - last);
    last = now;
  }
  double elapsed = (double)(last - began) / 1e6;
  printf("{\"batchBytes\":%zu,\"commits\":%llu,\"commitsPerSecond\":%.0f,\"bytesPerSecond\":%.0f,"
    "\"recordsPerSecond\":%.0f,\"latencyMicros\":", batch, (unsigned long long)commits, (double)commits / elapsed,
    (double)commits * (double)batch / elapsed, (double)commits * (double)records / elapsed);
  histogramPrint(&latencies);
  printf("}\n");
  unlink(file);
  return 0;
}
