// Preloaded into the victim: the SHORT_WRITE-th pwrite writes a part of its bytes only, which the kernel may always do.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

typedef ssize_t (*pwrite_call)(int, const void *, size_t, off_t);

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t position) {
  static _Atomic long calls;
  const char *number = getenv("SHORT_WRITE");
  pwrite_call next = (pwrite_call)dlsym(RTLD_NEXT, "pwrite");
  if (number && atomic_fetch_add(&calls, 1) + 1 == atol(number) && count > 1) count = count / 2;
  return next(descriptor, bytes, count, position);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t position) {
  return pwrite(descriptor, bytes, count, position);
}
