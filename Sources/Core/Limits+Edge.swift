// The bounds of the edge's HTTP side, with their reasons.

extension Limits {
  /// Memory of one HTTP connection for headers and buffers: bounds the request line and all headers together.
  package static let httpConnectionBytes = 32 << 10
  /// Largest request body. A batch of ticks of this size is about 8,000; larger ones come as several requests.
  package static let httpBodyBytesMax = 1 << 20
  /// What of an oversized body is read and dropped, so that the client gets to see the answer; then the socket closes.
  package static let httpBodyDiscardBytesMax = 8 << 20
  /// All request bodies together: what thousands of clients may make the process hold.
  package static let httpBodiesBytesMax = 256 << 20
  /// Longest time from the first byte of a request to its last, whatever trickles in between.
  package static let httpRequestNanosMax: Int64 = 30_000_000_000
  /// Longest silence on a connection, in a request or between two.
  package static let httpIdleSeconds: UInt32 = 60
  package static let httpIdleNanos = Int64(httpIdleSeconds) * 1_000_000_000
  /// How often connections are checked for a request that takes too long.
  package static let httpSweepNanos: Int64 = 1_000_000_000
  /// Descriptors kept for the log, the feeds and the process itself when connections are counted.
  package static let descriptorsReserved = 512
  /// Most headers of a request: the iteration over them stays short.
  package static let httpHeadersMax = 64
  /// Requests that wait for a worker: each holds a body, and a longer queue would only add delay.
  package static let httpWaitingMax = 256
  /// Replays over HTTP at a time: each holds a decoded batch of the log and its rendering.
  package static let httpReplaysMax = 64
  /// After how many seconds a client that found too many replays under way may find fewer.
  package static let httpReplayRetrySeconds = 5
  /// Bytes of the log that one question about old candles may read: some tenths of a second of one thread.
  package static let candleScanBytesMax = 256 << 20
  /// The same for the newest candles: whoever names no range wants an answer at once, and is told where older ones are.
  package static let newestCandleScanBytesMax = 32 << 20
  /// Most candles, prices or records that one answer lists; a replay has no such bound.
  package static let listedMax = 5_000
  /// Most instruments that one request may name.
  package static let namedKeysMax = 1_024
  /// What a view reads of a topic at a time: large enough that its lock is the cost of none.
  package static let viewReadBytes = 1 << 20
  /// How long a view sleeps where nothing happens: it only has to notice the end of the process.
  package static let viewWaitNanos: Int64 = 100_000_000
  /// A block of a replay: one is sent while the next is rendered.
  package static let replayBlockBytes = 128 << 10
  /// Records that a replay may look at without finding one to show before others have their turn: some tens of
  /// milliseconds.
  package static let replayScanRecordsMax: Int64 = 200_000
  /// The longest that a paced replay can take: ten years, so that no product of a time and a factor overflows.
  package static let replayPaceNanosMax: Double = 315_360_000e9
  /// The factors of event time that a replay may have.
  package static let replayFactors: ClosedRange<Double> = 0.001...1_000_000
}
