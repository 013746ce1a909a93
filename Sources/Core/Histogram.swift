// A distribution with a relative error of at most 12.5 %, whatever the range.

import Codecs
import Synchronization

/// Counts values in log-linear buckets: eight to each power of two, so that any quantile is known to one part in eight.
///
/// ```
///  value    0 1 2 3 4 5 6 7 | 8 9 10 .. 15 | 16-17 18-19 .. 30-31 | 32-35 36-39 .. | ...
///  bucket   0 1 2 3 4 5 6 7 | 8 9 10 .. 15 | 16    17    .. 23    | 24    25    .. | ... 495
/// ```
@safe package final class Histogram: @unchecked Sendable {  // Sendable: the buckets are atomics, their memory is fixed.
  package enum Unit: Sendable {
    /// Recorded in nanoseconds, shown in seconds from 1 us to 69 s.
    case nanoseconds
    /// Recorded and shown as they are, from 1 to 2^30.
    case plain
  }

  private static let subBucketBits = 3
  private static let bucketCount = (64 - subBucketBits + 1) << subBucketBits

  private let unit: Unit
  private let buckets: UnsafeMutablePointer<Atomic<UInt64>>
  private let sum = Atomic<UInt64>(0)

  package init(unit: Unit = .nanoseconds) {
    self.unit = unit
    unsafe buckets = .allocate(capacity: Self.bucketCount)
    for index in 0..<Self.bucketCount { unsafe (buckets + index).initialize(to: Atomic(0)) }
  }

  deinit {
    unsafe buckets.deinitialize(count: Self.bucketCount)
    unsafe buckets.deallocate()
  }

  /// Counts `value`; negative ones count as zero.
  package func record(_ value: Int64) {
    let value = UInt64(max(value, 0))
    unsafe buckets[Self.bucket(of: value)].wrappingAdd(1, ordering: .relaxed)
    sum.wrappingAdd(value, ordering: .relaxed)
  }

  package var count: UInt64 {
    var total: UInt64 = 0
    for index in 0..<Self.bucketCount { unsafe total += buckets[index].load(ordering: .relaxed) }
    return total
  }

  /// The upper end of the bucket in which the `quantile` (0 to 1) lies; 0 when nothing was recorded.
  package func value(atQuantile quantile: Double) -> UInt64 {
    let total = count
    let rank = UInt64((Double(total) * min(max(quantile, 0), 1)).rounded(.up))
    var seen: UInt64 = 0
    for index in 0..<Self.bucketCount where total > 0 {
      unsafe seen += buckets[index].load(ordering: .relaxed)
      if seen >= max(rank, 1) { return Self.upperBound(ofBucket: index) }
    }
    return 0
  }

  static func bucket(of value: UInt64) -> Int {
    guard value >= 8 else { return Int(value) }
    let exponent = 63 - value.leadingZeroBitCount
    let subBucket = Int((value >> UInt64(exponent - subBucketBits)) & 7)
    return (exponent - subBucketBits + 1) << subBucketBits + subBucket
  }

  /// The largest value that belongs in the bucket.
  static func upperBound(ofBucket index: Int) -> UInt64 {
    guard index >= 8 else { return UInt64(index) }
    let shift = UInt64(index >> subBucketBits - 1)
    let next = UInt64(8 + index & 7 + 1)
    // The last bucket of all ends with the largest number, where the shift would overflow.
    return shift + 4 > 64 || next << shift == 0 ? .max : next << shift - 1
  }

  /// Appends cumulative buckets at every second power of two: few enough to keep, fine enough for an alarm.
  func appendExposition(name: String, labels: String, to writer: inout ByteWriter) {
    let prefix = labels.isEmpty ? "" : labels + ","
    let exponents = unit == .nanoseconds ? stride(from: 10, through: 36, by: 2) : stride(from: 0, through: 30, by: 2)
    let divisor: Double = unit == .nanoseconds ? 1e9 : 1
    var cumulative: UInt64 = 0
    var next = 0
    for exponent in exponents {
      // A bucket's values are below 2^exponent, and `le` means "at most".
      let end = Self.bucket(of: 1 << UInt64(exponent))
      while next < end {
        unsafe cumulative += buckets[next].load(ordering: .relaxed)
        next += 1
      }
      let bound = (Double(1 << exponent) / divisor).exposition
      writer.append(utf8: "\(name)_bucket{\(prefix)le=\"\(bound)\"} \(cumulative)\n")
    }
    while next < Self.bucketCount {
      unsafe cumulative += buckets[next].load(ordering: .relaxed)
      next += 1
    }
    let braced = labels.isEmpty ? "" : "{\(labels)}"
    let total = (Double(sum.load(ordering: .relaxed)) / divisor).exposition
    writer.append(utf8: "\(name)_bucket{\(prefix)le=\"+Inf\"} \(cumulative)\n")
    writer.append(utf8: "\(name)_sum\(braced) \(total)\n\(name)_count\(braced) \(cumulative)\n")
  }
}
