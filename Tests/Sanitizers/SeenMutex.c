// The contended path of `Synchronization.Mutex`, in a form that the thread sanitizer sees.
//
// On Linux that mutex is a word with the owner's thread id. Taking and leaving it uncontended is inlined into our code,
// hence instrumented; a contended one goes through futex calls inside libswiftSynchronization, which is not: to the
// sanitizer the two owners were never ordered, and all that the mutex guards looks like a race. Here the same two
// entries wait and leave by atomics of instrumented code. The linker takes these in place of the library's, in a build
// with -fsanitize=thread; every other build has nothing of this file. Races on what no mutex guards are found as before.

#if __has_feature(thread_sanitizer)
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#define ENTRY(name) __attribute__((swiftcall)) name
#define SELF __attribute__((swift_context)) _Atomic uint32_t *word

bool ENTRY(try_lock)(SELF) __asm__("$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF");
void ENTRY(lock)(uint32_t thread, SELF) __asm__("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
void ENTRY(unlock)(SELF) __asm__("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");

// Its inlined part has just found the mutex taken.
bool ENTRY(try_lock)(SELF) {
  (void)word;
  return false;
}

void ENTRY(lock)(uint32_t thread, SELF) {
  uint32_t free = 0;
  while (!atomic_compare_exchange_strong_explicit(word, &free, thread, memory_order_acquire, memory_order_relaxed)) {
    free = 0;
    usleep(10);
  }
}

void ENTRY(unlock)(SELF) { atomic_store_explicit(word, 0, memory_order_release); }
#endif
