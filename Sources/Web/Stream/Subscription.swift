// One subscription of a socket: where it is in each partition, and what it is doing.

/// What a replay worker handed over: frames to be sent, then the place from which to go on.
struct ReplayPiece: Sendable {
  /// nil when nothing in the scanned range is wanted.
  var run: FrameRun?
  /// The offset after everything that was scanned.
  var next: Int64
  /// The greatest event time seen so far by this replay, in milliseconds.
  var watermarkMillis: Int64
  /// The frames are a state, whose offsets are all before `next`, not a run of the log.
  var isState = false
}

/// A subscription's place in one partition.
struct PartitionCursor {
  enum Source {
    /// Between two pieces, or not started.
    case none
    /// A worker is reading the log.
    case fetching
    /// Sending a piece of the log, from this frame on.
    case piece(ReplayPiece, frame: Int)
    /// Attached to the ring: the next frame to be sent.
    case ring(FramePlace)
  }

  /// The next offset to be delivered: everything before it was sent, or is not wanted.
  var position: Int64
  var source = Source.none
  /// The worker's place, kept between two pieces.
  var reader: ReplayReader?
  /// What is being fetched is part of a state.
  var isFetchingState = false
  var watermarkMillis = Int64.min

  init(position: Int64, reader: ReplayReader? = nil) {
    self.position = position
    self.reader = reader
  }
}

/// The state of a subscription. A value of the session: no I/O here.
struct Subscription {
  enum Phase {
    /// Its start is being looked up.
    case resolving
    /// It reads history, from the log or from the ring, and has not reached the end since it started.
    case catchingUp
    /// It reached the end once; it gets what is new as it comes.
    case live
  }

  /// What the wall of a paced replay is nailed to.
  struct Pace {
    var eventMillis: Int64
    var monotonicNanos: Int64
  }

  let id: String
  /// Index into the directory.
  let stream: Int
  let keys: [[UInt8]]?
  let slow: SlowPolicy
  /// Changes with every seek, so that what a worker still hands over for the place before is left out.
  var ticket: UInt32
  var start: StreamStart
  var speed: ReplaySpeed
  var phase = Phase.resolving
  var isPaused = false
  var filter: KeyFilter
  var cursors: [PartitionCursor] = []
  var epochs: [UInt32] = []
  /// Set by the first frame of a paced replay.
  var pace: Pace?
  /// The sum of all positions that a frame told last.
  private var toldPosition = Int64.min

  init(_ request: SubscribeRequest, stream: Int, ticket: UInt32, keys table: KeyTable) {
    id = request.id
    self.stream = stream
    keys = request.keys
    slow = request.slow
    self.ticket = ticket
    start = request.from
    speed = request.speed
    filter = KeyFilter(request.keys, in: table)
  }

  /// A replay at the pace of event time, which has not reached the end.
  var isPaced: Bool { phase == .catchingUp && speed != .max }

  /// The last position that was sent or passed over, in each partition.
  var positions: [StreamPosition] {
    cursors.indices.map { StreamPosition(partition: $0, offset: cursors[$0].position - 1) }
  }

  var watermarkMillis: Int64 { cursors.reduce(Int64.max) { min($0, $1.watermarkMillis) } }

  /// Whether it moved since this was asked last, and can say where it is.
  mutating func noteProgress() -> Bool {
    guard phase != .resolving, !isSendingState else { return false }
    let position = cursors.reduce(Int64(0)) { $0 &+ $1.position }
    defer { toldPosition = position }
    return position != toldPosition
  }

  /// Whether both were told the same of where they are, which is where they still are.
  func isTold(as other: Subscription) -> Bool { toldPosition == other.toldPosition }

  /// Makes the place it is at news again.
  mutating func forgetProgress() { toldPosition = .min }

  /// Goes to where another one to the same is.
  mutating func stand(where other: Subscription) {
    filter = other.filter
    cursors = other.cursors
    epochs = other.epochs
    toldPosition = other.toldPosition
  }

  /// All of a move was sent.
  mutating func apply(_ move: FlushPlan.Move) {
    cursors[move.cursor].source = move.source
    cursors[move.cursor].position = move.position
  }

  /// When a frame of this event time is due, on the monotonic clock. The first one of a pace is due at once.
  mutating func dueNanos(eventMillis: Int64, nowNanos: Int64) -> Int64 {
    guard case .factor(let thousandths) = speed else { return nowNanos }
    guard let pace else {
      pace = Pace(eventMillis: eventMillis, monotonicNanos: nowNanos)
      return nowNanos
    }
    let (elapsed, overflow) = eventMillis.subtractingReportingOverflow(pace.eventMillis)
    if elapsed <= 0 { return overflow ? .max : pace.monotonicNanos }
    // milliseconds * 10^6 / (thousandths / 1000), without leaving 64 bits unnoticed.
    let (scaled, tooLarge) = elapsed.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow, !tooLarge else { return .max }
    let (due, late) = pace.monotonicNanos.addingReportingOverflow(scaled / thousandths)
    return late ? .max : due
  }
}
