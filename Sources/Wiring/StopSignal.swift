// Ctrl-C and SIGTERM as something that threads can wait for.

internal import CPlatform
import Core
import Glibc
import Synchronization

/// Turns SIGINT and SIGTERM into a flag and a callback. A second signal ends the process at once.
package final class StopSignal: Sendable {
  private let requested = Atomic<Bool>(false)
  private let descriptor: Int32

  /// Blocks both signals for this and all threads started later, so call it before any thread starts. SIGPIPE is
  /// ignored: a client that went away is an error of its socket, not of the process.
  package init() {
    signal(SIGPIPE, SIG_IGN)
    var set = sigset_t()
    unsafe sigemptyset(&set)
    unsafe sigaddset(&set, SIGINT)
    unsafe sigaddset(&set, SIGTERM)
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    descriptor = eventfd(0, Int32(EFD_CLOEXEC))
    let waiting = set
    _ = NamedThread("signals") { [self] in
      var set = waiting
      var number: Int32 = 0
      unsafe sigwait(&set, &number)
      request()
      unsafe sigwait(&set, &number)
      _exit(130)
    }
  }

  package var isRequested: Bool { requested.load(ordering: .acquiring) }

  package func request() {
    requested.store(true, ordering: .releasing)
    eventfd_write(descriptor, 1)
  }

  /// Blocks until stop is requested or the time is over; true when it was requested.
  package func wait(timeoutNanos: Int64) -> Bool {
    var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let millis = Int32(clamping: (timeoutNanos + 999_999) / 1_000_000)
    _ = unsafe poll(&poller, 1, millis)
    return isRequested
  }
}
