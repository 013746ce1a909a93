// A thread that serves a share of the clients: its mailbox, as others see it.

internal import Core
internal import Synchronization

/// What other threads tell a reactor.
enum ReactorLetter: Sendable {
  /// A new client.
  case adopt(descriptor: Int32, initialBytes: [UInt8])
  /// A replay worker is done.
  case replayed(connection: UInt64, ticket: UInt32, ReplayJob.Outcome)
  /// Close all clients; cut off what is not sent by then.
  case stop(deadlineNanos: Int64)
}

/// The mailbox of a reactor thread. Safe to use from any thread.
final class StreamReactor: Sendable {
  let reactor: Reactor
  private let letters = Mutex<[ReactorLetter]>([])
  private let haveRingsGrown = Atomic<Bool>(false)

  init() throws(ReactorError) { reactor = try Reactor() }

  func post(_ letter: ReactorLetter) {
    letters.withLock { $0.append(letter) }
    reactor.wake()
  }

  /// The publisher added to a ring.
  func ringsGrew() {
    haveRingsGrown.store(true, ordering: .releasing)
    reactor.wake()
  }

  func takeLetters() -> [ReactorLetter] {
    letters.withLock { letters in
      defer { letters = [] }
      return letters
    }
  }

  /// The reactor has not come to look since the last time.
  var isGrowthPending: Bool { haveRingsGrown.load(ordering: .acquiring) }

  func takeGrowth() -> Bool { haveRingsGrown.exchange(false, ordering: .acquiringAndReleasing) }
}
