// What `import Glibc` leaves out of Linux, and the CPU instruction that has no Swift spelling.
#ifndef MILLRACE_CPLATFORM_H
#define MILLRACE_CPLATFORM_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

// Glibc declares these only under _GNU_SOURCE, which Swift's own module of it is built without.
extern int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);
extern int fallocate(int descriptor, int mode, off_t offset, off_t length);
extern int pthread_setname_np(pthread_t thread, const char *name);
extern int sync_file_range(int descriptor, off_t offset, off_t count, unsigned int flags);

// open(2) and fcntl(2) are variadic, which Swift does not import.
static inline int millrace_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }

static inline int millrace_fcntl(int descriptor, int command, int argument) {
  return fcntl(descriptor, command, argument);
}

// CRC32C (Castagnoli) with the CPU's own instruction. It takes three cycles but can start every cycle, so three streams
// of `words` eight-byte words each run side by side; whoever calls joins them. Ask millrace_crc32c_supported() first.
#if defined(__x86_64__)
#define MILLRACE_CRC32C __attribute__((target("sse4.2"))) static inline
#define MILLRACE_CRC32C_U64(crc, word) ((uint32_t)__builtin_ia32_crc32di((crc), (word)))
#define MILLRACE_CRC32C_U8(crc, byte) __builtin_ia32_crc32qi((crc), (byte))
static inline int millrace_crc32c_supported(void) { return __builtin_cpu_supports("sse4.2") != 0; }
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#define MILLRACE_CRC32C __attribute__((target("+crc"))) static inline
#define MILLRACE_CRC32C_U64(crc, word) __crc32cd((crc), (word))
#define MILLRACE_CRC32C_U8(crc, byte) __crc32cb((crc), (byte))
static inline int millrace_crc32c_supported(void) { return (getauxval(AT_HWCAP) & (1 << 7)) != 0; }
#else
#define MILLRACE_CRC32C static inline
#define MILLRACE_CRC32C_U64(crc, word) (crc)
#define MILLRACE_CRC32C_U8(crc, byte) (crc)
static inline int millrace_crc32c_supported(void) { return 0; }
#endif

MILLRACE_CRC32C uint32_t millrace_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
  for (; count >= 8; bytes += 8, count -= 8) {
    uint64_t word;
    __builtin_memcpy(&word, bytes, 8);
    crc = MILLRACE_CRC32C_U64(crc, word);
  }
  for (; count > 0; bytes++, count--) crc = MILLRACE_CRC32C_U8(crc, *bytes);
  return crc;
}

MILLRACE_CRC32C void millrace_crc32c_three(uint32_t crc[3], const uint8_t *bytes, size_t words) {
  uint32_t first = crc[0], second = crc[1], third = crc[2];
  for (size_t index = 0; index < words; index++, bytes += 8) {
    uint64_t word[3];
    __builtin_memcpy(&word[0], bytes, 8);
    __builtin_memcpy(&word[1], bytes + 8 * words, 8);
    __builtin_memcpy(&word[2], bytes + 16 * words, 8);
    first = MILLRACE_CRC32C_U64(first, word[0]);
    second = MILLRACE_CRC32C_U64(second, word[1]);
    third = MILLRACE_CRC32C_U64(third, word[2]);
  }
  crc[0] = first;
  crc[1] = second;
  crc[2] = third;
}

#endif
