// What `import Glibc` leaves out of Linux, and the two CPU instructions that have no Swift spelling.
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

// CRC32C (Castagnoli) over eight bytes or one, with the CPU's own instruction.
#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static inline uint32_t millrace_crc32c_u64(uint32_t crc, uint64_t value) {
  return (uint32_t)__builtin_ia32_crc32di(crc, value);
}
__attribute__((target("sse4.2"))) static inline uint32_t millrace_crc32c_u8(uint32_t crc, uint8_t value) {
  return __builtin_ia32_crc32qi(crc, value);
}
#elif defined(__aarch64__)
#include <arm_acle.h>
__attribute__((target("+crc"))) static inline uint32_t millrace_crc32c_u64(uint32_t crc, uint64_t value) {
  return __crc32cd(crc, value);
}
__attribute__((target("+crc"))) static inline uint32_t millrace_crc32c_u8(uint32_t crc, uint8_t value) {
  return __crc32cb(crc, value);
}
#endif

#endif
