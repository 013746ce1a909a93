// The last 24 hours of an instrument in sparse buckets of five minutes.

import Codecs
import Processors

/// What of a past bucket is kept.
struct HistoryBucket: BitwiseCopyable {
  /// Five-minute periods since 1970.
  var index: Int
  /// The aggregated price that prevailed at the bucket's end; zero if there was none yet.
  var close: Int128
  var volume: Int128
}

/// The past buckets of every instrument, oldest first, only those in which something happened.
@safe struct PriceHistory: ~Copyable {
  static let bucketNanos: Int64 = 300_000_000_000
  /// A moment's bucket and the 288 before it reach back 24 hours, and less than five minutes further.
  static let bucketsBack = 288

  /// One instrument's buckets: `count` of them from `first` in an allocation of its own, so that a thousand quiet
  /// instruments do not cost what a busy one does.
  @safe private struct Run: BitwiseCopyable {
    var buckets: UnsafeMutablePointer<HistoryBucket>?
    var capacity = 0
    var first = 0
    var count = 0
  }

  private var runs = Slab<Run>(filler: Run())

  deinit {
    for index in 0..<runs.count { unsafe runs[index].buckets?.deallocate() }
  }

  mutating func extend(to count: Int) { runs.extend(to: count) }

  func count(_ instrument: Int) -> Int { runs[instrument].count }

  subscript(instrument: Int, position: Int) -> HistoryBucket {
    let run = runs[instrument]
    guard position >= 0, position < run.count, let buckets = unsafe run.buckets else {
      preconditionFailure("a bucket that does not exist")
    }
    return unsafe buckets[run.first + position]
  }

  /// Adds a bucket newer than all others.
  mutating func append(_ instrument: Int, _ bucket: HistoryBucket) {
    makeRoom(instrument)
    let run = runs[instrument]
    unsafe run.buckets?[run.first + run.count] = bucket
    runs[instrument].count += 1
  }

  /// Takes the oldest bucket away if its index is below `index`.
  mutating func popOldest(_ instrument: Int, below index: Int) -> HistoryBucket? {
    let run = runs[instrument]
    guard run.count > 0, let buckets = unsafe run.buckets, unsafe buckets[run.first].index < index else { return nil }
    runs[instrument].first += 1
    runs[instrument].count -= 1
    return unsafe buckets[run.first]
  }

  /// Adds the volume of a tick that came after its bucket had passed; false, with nothing changed, if the bucket would
  /// then hold more than its bound.
  mutating func add(_ volume: Int128, to index: Int, of instrument: Int) -> Bool {
    var position = count(instrument)
    while position > 0, self[instrument, position - 1].index > index { position -= 1 }
    if position > 0, self[instrument, position - 1].index == index {
      let run = runs[instrument]
      let sum = self[instrument, position - 1].volume + volume
      guard sum <= FoldLimits.bucketVolumeMax else { return false }
      unsafe run.buckets?[run.first + position - 1].volume = sum
      return true
    }
    guard volume <= FoldLimits.bucketVolumeMax else { return false }
    makeRoom(instrument)
    let run = runs[instrument]
    guard let buckets = unsafe run.buckets else { return false }
    let place = unsafe buckets + run.first + position
    unsafe (place + 1).update(from: place, count: run.count - position)
    unsafe place.pointee = HistoryBucket(index: index, close: 0, volume: volume)
    runs[instrument].count += 1
    return true
  }

  /// Makes room for one bucket behind the last, by moving the run to its start or to a larger allocation.
  private mutating func makeRoom(_ instrument: Int) {
    var run = runs[instrument]
    guard run.first + run.count == run.capacity else { return }
    if run.first > run.capacity / 2, let buckets = unsafe run.buckets {
      unsafe buckets.update(from: buckets + run.first, count: run.count)
    } else {
      let capacity = max(run.capacity * 2, 4)
      let larger = UnsafeMutablePointer<HistoryBucket>.allocate(capacity: capacity)
      if let buckets = unsafe run.buckets {
        unsafe larger.update(from: buckets + run.first, count: run.count)
        unsafe buckets.deallocate()
      }
      unsafe run.buckets = larger
      run.capacity = capacity
    }
    run.first = 0
    runs[instrument] = run
  }

  func save(_ instrument: Int, into writer: inout ByteWriter) {
    writer.append(littleEndian: Int64(count(instrument)))
    for position in 0..<count(instrument) {
      let bucket = self[instrument, position]
      writer.append(littleEndian: Int64(bucket.index))
      writer.append(bucket.close)
      writer.append(bucket.volume)
    }
  }

  mutating func restore(_ instrument: Int, from reader: inout ByteReader) throws(CodecError) {
    for _ in 0..<(try reader.readCount(max: Self.bucketsBack * 2)) {
      let index = Int(try reader.read(littleEndian: Int64.self))
      append(instrument, HistoryBucket(index: index, close: try reader.readInt128(), volume: try reader.readInt128()))
    }
  }
}
