// Readiness of many descriptors for one thread: epoll, and an eventfd by which other threads wake it.

internal import CPlatform
internal import Glibc
import Synchronization

/// What a descriptor is ready for, or what one waits for.
package struct Readiness: OptionSet, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }
  package static let readable = Readiness(rawValue: 1)
  package static let writable = Readiness(rawValue: 2)
  /// The peer is gone or the descriptor failed; reading or writing will tell why.
  package static let hangup = Readiness(rawValue: 4)
}

/// The kernel refused a descriptor or a registration; `code` is `errno`. The process is at its limit of descriptors.
package struct ReactorError: Error, Equatable, Sendable {
  package let call: String
  package let code: Int32
}

/// Owns an epoll set and an eventfd. One thread waits; every other method is safe from any thread. Level-triggered.
package final class Reactor: Sendable {
  private static let wakeToken = UInt64.max
  private static let eventsPerWait = 256

  private let epoll: Int32
  private let wakeDescriptor: Int32
  /// A wake-up is on its way that the waiting thread has not seen yet, so that a burst of them costs one write.
  private let isWakePending = Atomic<Bool>(false)

  package init() throws(ReactorError) {
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard epoll >= 0 else { throw ReactorError(call: "epoll_create1", code: errno) }
    wakeDescriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
    guard wakeDescriptor >= 0 else {
      let code = errno
      close(epoll)
      throw ReactorError(call: "eventfd", code: code)
    }
    try control(EPOLL_CTL_ADD, wakeDescriptor, token: Self.wakeToken, interest: .readable)
  }

  deinit {
    if wakeDescriptor >= 0 { close(wakeDescriptor) }
    if epoll >= 0 { close(epoll) }
  }

  /// Registers `descriptor`; `token` comes back with its events. `UInt64.max` is taken.
  package func add(_ descriptor: Int32, token: UInt64, interest: Readiness) throws(ReactorError) {
    try control(EPOLL_CTL_ADD, descriptor, token: token, interest: interest)
  }

  package func modify(_ descriptor: Int32, token: UInt64, interest: Readiness) throws(ReactorError) {
    try control(EPOLL_CTL_MOD, descriptor, token: token, interest: interest)
  }

  /// Call before closing the descriptor.
  package func remove(_ descriptor: Int32) {
    var event = unsafe epoll_event()
    _ = unsafe epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, &event)
  }

  private func control(
    _ operation: Int32, _ descriptor: Int32, token: UInt64, interest: Readiness
  ) throws(ReactorError) {
    var event = unsafe epoll_event()
    if interest.contains(.readable) { unsafe event.events |= EPOLLIN.rawValue | EPOLLRDHUP.rawValue }
    if interest.contains(.writable) { unsafe event.events |= EPOLLOUT.rawValue }
    unsafe event.data.u64 = token
    guard unsafe epoll_ctl(epoll, operation, descriptor, &event) == 0 else {
      throw ReactorError(call: "epoll_ctl", code: errno)
    }
  }

  /// Ends the current or the next `wait`. Cheap when one is pending already.
  package func wake() {
    guard !isWakePending.exchange(true, ordering: .acquiringAndReleasing) else { return }
    var one: UInt64 = 1
    _ = unsafe write(wakeDescriptor, &one, MemoryLayout<UInt64>.size)
  }

  /// Blocks until something is ready, a wake-up, or the timeout (rounded up to milliseconds; negative: none), and
  /// hands out what is ready. Returns whether it was woken. Only the owning thread may call it.
  @discardableResult
  package func wait(timeoutNanos: Int64, _ body: (UInt64, Readiness) -> Void) -> Bool {
    let millis = timeoutNanos < 0 ? -1 : Int32(clamping: (timeoutNanos + 999_999) / 1_000_000)
    var woken = false
    unsafe withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.eventsPerWait) { events in
      let count = unsafe epoll_wait(epoll, events.baseAddress, Int32(Self.eventsPerWait), millis)
      for index in 0..<max(0, Int(count)) {
        let event = unsafe events[index]
        if unsafe event.data.u64 == Self.wakeToken {
          var counter: UInt64 = 0
          _ = unsafe read(wakeDescriptor, &counter, MemoryLayout<UInt64>.size)
          // Before the caller looks at its inbox: a wake-up after this look must write again.
          isWakePending.store(false, ordering: .sequentiallyConsistent)
          woken = true
          continue
        }
        var ready: Readiness = []
        if unsafe event.events & EPOLLIN.rawValue != 0 { ready.insert(.readable) }
        if unsafe event.events & EPOLLOUT.rawValue != 0 { ready.insert(.writable) }
        if unsafe event.events & (EPOLLHUP.rawValue | EPOLLERR.rawValue | EPOLLRDHUP.rawValue) != 0 {
          ready.insert(.hangup)
        }
        unsafe body(event.data.u64, ready)
      }
    }
    return woken
  }
}
