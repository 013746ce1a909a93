// Threads of our own, for everything that blocks: Swift's cooperative pool has one thread per core to stall.

internal import CPlatform
import Synchronization

/// A POSIX thread with a name that `top -H` and `perf` show. `join()` waits for its end.
package final class NamedThread: Sendable {
  private final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  private let handle: Mutex<pthread_t?>

  /// Starts the thread. Names longer than 15 bytes are cut by the kernel.
  package init(_ name: String, _ body: @escaping @Sendable () -> Void) {
    let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
    var thread = pthread_t()
    let code = unsafe pthread_create(
      &thread, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        let name = String(decoding: Array(start.name.utf8.prefix(15)), as: UTF8.self)
        unsafe pthread_setname_np(pthread_self(), name)
        start.body()
        return nil
      }, start.toOpaque())
    // The limit on threads is reached: nothing sensible can go on without this one.
    precondition(code == 0, "cannot start thread \(name): error \(code)")
    handle = Mutex(thread)
  }

  /// Lets the calling thread, one of our own, rest. Signals may end it early.
  package static func sleep(nanos: Int64) {
    var time = timespec(tv_sec: Int(nanos / 1_000_000_000), tv_nsec: Int(nanos % 1_000_000_000))
    unsafe nanosleep(&time, nil)
  }

  /// Waits until the body has returned. Safe to call once or many times, from one thread or many.
  package func join() {
    let thread = handle.withLock { handle -> pthread_t? in
      defer { handle = nil }
      return handle
    }
    if let thread { _ = pthread_join(thread, nil) }
  }
}
