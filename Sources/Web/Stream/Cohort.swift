// Live clients that want the same and have the same: what one is to be sent, all are.

internal import Core

/// What makes two clients alike once both are live: everything that decides which bytes come next.
struct Interest: Hashable {
  struct Item: Hashable {
    /// As bytes: equivalent texts are not the same frame.
    var id: [UInt8]
    var stream: Int
    var keys: [[UInt8]]?
    var slow: SlowPolicy
  }

  var items: [Item]

  init(_ subscriptions: [Subscription]) {
    items = subscriptions.map { Item(id: Array($0.id.utf8), stream: $0.stream, keys: $0.keys, slow: $0.slow) }
  }
}

/// Clients of one reactor with one interest that have everything its rings have. A flush finds out once what is due
/// and writes it to one descriptor after the other: nothing is looked up, moved or counted per client. A client whose
/// write falls short, or that says anything, leaves with the place where the cohort is, and may come back.
///
/// Belongs to its reactor's thread.
final class Cohort {
  let interest: Interest
  /// The streams, one bit each.
  let streamMask: UInt64
  /// Where all members are: what their own sessions say is out of date until they leave.
  var subscriptions: [Subscription]
  /// By seat, side by side: all that a flush reads of a member. The sockets are the connections'.
  private(set) var descriptors: [Int32] = []
  private(set) var slots: [Int] = []
  /// When the members are told again how far they are, if they moved.
  var tellNanos: Int64

  init(_ interest: Interest, of connection: StreamConnection, tellNanos: Int64) {
    self.interest = interest
    streamMask = connection.streamMask
    subscriptions = connection.session.subscriptions
    self.tellNanos = tellNanos
  }

  var isEmpty: Bool { slots.isEmpty }

  /// Takes the connection's place in, and gives it a seat.
  func add(_ connection: StreamConnection) {
    for index in subscriptions.indices where !subscriptions[index].isTold(as: connection.session.subscriptions[index]) {
      // One of them has not heard of this place yet: all are told once more.
      subscriptions[index].forgetProgress()
    }
    connection.cohort = self
    connection.seat = slots.count
    slots.append(connection.slot)
    descriptors.append(connection.socket.descriptor)
    connection.session.stand(where: subscriptions)
  }

  /// Frees a seat; returns the slot of the member that has it now, if one had to move.
  func remove(_ connection: StreamConnection) -> Int? {
    let seat = connection.seat
    connection.cohort = nil
    let lastSlot = slots.removeLast()
    let lastDescriptor = descriptors.removeLast()
    guard seat < slots.count else { return nil }
    slots[seat] = lastSlot
    descriptors[seat] = lastDescriptor
    return lastSlot
  }
}
