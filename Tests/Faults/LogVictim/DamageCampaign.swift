// Damage to files, many thousand times in one process: whatever is returned is right, and what is damaged is refused by
// file and byte, or cut where it is a torn tail.

import Codecs
import Glibc
import Kit
import Log

/// One way to damage a log, over and over; each case begins with the files as they were written.
struct DamageCampaign {
  private var log: DamagedLog
  private let stride: Int
  private let seed: UInt64
  private var cases = 0
  private var cut = 0
  private var refused = 0
  private var violations: [String] = []
  private let damage: (inout DamageCampaign) -> Void

  init(_ arguments: Arguments) throws {
    let name = try arguments.text("campaign")
    let segmentBytes = ["truncate", "sectors"].contains(name) ? 65_536 : 16_384
    switch name {
    case "truncate": damage = { $0.truncate() }
    case "flip": damage = { $0.flip() }
    case "sectors": damage = { $0.sectors() }
    case "garbage": damage = { $0.garbage() }
    case "headers": damage = { $0.headers() }
    case "meta": damage = { $0.meta() }
    default: throw UsageError(text: "no campaign \(name)")
    }
    stride = max(1, try arguments.number("stride", 1))
    seed = UInt64(try arguments.number("seed", 5))
    var options = try VictimLog.options(arguments)
    options.segmentBytes = 1 << 30
    log = try DamagedLog(arguments.text("data"), segmentBytes: segmentBytes, options: options, seed: seed)
  }

  mutating func run() -> Int32 {
    log.restore()
    if log.look() != .read(end: Int64(log.digests.count), cutAt: nil) { violations.append("damaged before any damage") }
    damage(&self)
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    // Hostile lengths must not make anyone allocate for them.
    if usage.ru_maxrss > 64 << 10 { violations.append("\(usage.ru_maxrss) KiB of memory") }
    for violation in violations.prefix(20) { print(violation) }
    print("damaged cases=\(cases) cut=\(cut) refused=\(refused) violations=\(violations.count)")
    return violations.isEmpty ? 0 : 1
  }

  // MARK: Campaigns

  /// The last segment ends at every byte; then the log goes on.
  private mutating func truncate() {
    let last = log.last
    for end in Swift.stride(from: 0, to: last.bytes.count, by: stride) {
      log.restore()
      TestFile.write(Array(last.bytes[..<end]), to: last.path)
      // With the mark, any cut of what was on disk is refused; without it, it is a torn tail.
      if end % 64 == 63 {
        expect(.refused(file: last.path, byte: Int64(last.batches[last.batch(at: end)].position)), "lost from \(end)")
        continue
      }
      log.forgetMark()
      if end % 2 == 1 { log.emptyIndex(of: last) }
      let torn = last.batch(at: end)
      let cutAt = last.batches[torn].position == end ? nil : Int64(last.batches[torn].position)
      expect(.read(end: last.batches[torn].firstOffset, cutAt: cutAt), "cut at \(end)", appending: true)
    }
  }

  /// Every bit of a sealed segment and of the last one.
  private mutating func flip() {
    for segment in [log.sealed, log.last] {
      for bit in Swift.stride(from: 0, to: segment.bytes.count * 8, by: stride) {
        var bytes = segment.bytes
        bytes[bit / 8] ^= UInt8(1) << UInt8(bit % 8)
        expectDamage(bytes, of: segment, hasIndex: bit % 3 != 0, "bit \(bit)")
      }
    }
  }

  /// Each sector zeroed, and each two blocks of 4 KiB swapped.
  private mutating func sectors() {
    for segment in [log.sealed, log.last] {
      for start in Swift.stride(from: 0, to: segment.bytes.count, by: 512) {
        var bytes = segment.bytes
        bytes.replaceSubrange(start..<start + 512, with: repeatElement(0, count: 512))
        expectDamage(bytes, of: segment, hasIndex: start % 1024 == 0, "zeros at \(start)")
      }
      for first in Swift.stride(from: 0, to: segment.bytes.count, by: 4096) {
        for second in Swift.stride(from: first + 4096, to: segment.bytes.count, by: 4096 * stride) {
          var bytes = segment.bytes
          bytes.replaceSubrange(first..<first + 4096, with: segment.bytes[second..<second + 4096])
          bytes.replaceSubrange(second..<second + 4096, with: segment.bytes[first..<first + 4096])
          expectDamage(bytes, of: segment, hasIndex: true, "swapped \(first) and \(second)")
        }
      }
    }
  }

  /// Up to 4,096 bytes behind what was written: random ones, zeros, and older batches of the same log.
  private mutating func garbage() {
    var random = SplitMix(seed: seed)
    for count in Swift.stride(from: 1, through: 4096, by: stride) {
      let tails: [[UInt8]] = [
        (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }, [UInt8](repeating: 0, count: count),
        Array(log.sealed.bytes[..<count]),
      ]
      for tail in tails {
        log.restore()
        TestFile.write(log.last.bytes + tail, to: log.last.path)
        let whole = log.last.bytes.count
        expect(.read(end: Int64(log.digests.count), cutAt: Int64(whole)), "\(count) bytes behind", appending: true)
        log.restore()
        TestFile.write(log.sealed.bytes + tail, to: log.sealed.path)
        expect(.refused(file: log.sealed.path, byte: Int64(log.sealed.bytes.count)), "\(count) behind sealed")
      }
    }
  }

  /// Lengths, counts and offsets that nobody wrote, with a checksum that holds where one covers them.
  private mutating func headers() {
    let fields = [0: 8, 8: 4, 12: 4, 16: 1, 17: 4, 21: 2, 23: 4, 27: 8, 35: 8, 43: 8, 51: 2, 53: 4, 57: 4]
    let values: [Int64] = [0, 1, -1, 60, 61, 1 << 20, 1 << 30, 1 << 31 - 1, -1 << 31, 1 << 62, .max, .min]
    for segment in [log.sealed, log.last] {
      for batch in segment.batches.indices where batch % stride == 0 {
        for (field, width) in fields.sorted(by: { $0.key < $1.key }) {
          for value in values {
            let bytes = Self.bytes(segment, batch, field, width, value)
            guard bytes != segment.bytes else { continue }
            log.restore()
            TestFile.write(bytes, to: segment.path)
            if value % 2 == 0 { log.emptyIndex(of: segment) }
            cases += 1
            // A forged checksum makes a header what it says; what follows must be bounded all the same.
            let isForged = field >= 21
            switch log.look() {
            case .refused(let file, _) where file == segment.path: refused += 1
            case .read(_, let cutAt) where cutAt != nil && segment.path == log.last.path: cut += 1
            case .read where isForged, .wrong where isForged: break
            // Fewer unsynced bytes than there were: no record is another, and recovery only becomes stricter.
            case .read where field == 12 && UInt32(truncatingIfNeeded: value) == 0: break
            case let finding: violations.append("field \(field) of batch \(batch) = \(value): \(finding)")
            }
          }
        }
      }
    }
  }

  private static func bytes(
    _ segment: IntactSegment, _ batch: Int, _ field: Int, _ width: Int, _ value: Int64
  ) -> [UInt8] {
    let start = segment.batches[batch].position
    let end = batch + 1 < segment.batches.count ? segment.batches[batch + 1].position : segment.bytes.count
    var bytes = segment.bytes
    for index in 0..<width {
      bytes[start + field + index] = UInt8(truncatingIfNeeded: value >> Int64(8 * (width - 1 - index)))
    }
    guard field >= 21 else { return bytes }
    let checksum = CRC32C.checksum(bytes.span.bytes.extracting(start + 21..<end))
    for index in 0..<4 { bytes[start + 17 + index] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * (3 - index))) }
    return bytes
  }

  /// Every bit of the manifest, which is refused, and of the indexes, which are made again.
  private mutating func meta() {
    log.restore()
    let manifest = TestFile.read(log.meta)
    for bit in Swift.stride(from: 0, to: manifest.count * 8, by: stride) {
      log.restore()
      var bytes = manifest
      bytes[bit / 8] ^= UInt8(1) << UInt8(bit % 8)
      TestFile.write(bytes, to: log.meta)
      expect(.refused(file: log.meta, byte: 0), "bit \(bit) of the manifest")
    }
    for index in log.indexes {
      for bit in Swift.stride(from: 0, to: index.bytes.count * 8, by: stride) {
        log.restore()
        var bytes = index.bytes
        bytes[bit / 8] ^= UInt8(1) << UInt8(bit % 8)
        TestFile.write(bytes, to: index.path)
        expect(.read(end: Int64(log.digests.count), cutAt: nil), "bit \(bit) of \(index.path)")
      }
    }
  }

  // MARK: Judgement

  private mutating func expect(_ expected: Finding, _ what: String, appending: Bool = false) {
    cases += 1
    let finding = log.look(appending: appending)
    if case .refused = finding { refused += 1 }
    if case .read(_, .some) = finding { cut += 1 }
    if finding != expected { violations.append("\(what): \(finding), not \(expected)") }
  }

  /// Refused at the first batch that is not as it was written: all of it was on disk.
  private mutating func expectDamage(_ bytes: [UInt8], of segment: IntactSegment, hasIndex: Bool, _ what: String) {
    log.restore()
    TestFile.write(bytes, to: segment.path)
    if !hasIndex { log.emptyIndex(of: segment) }
    guard let difference = zip(bytes, segment.bytes).enumerated().first(where: { $0.element.0 != $0.element.1 }) else {
      return expect(.read(end: Int64(log.digests.count), cutAt: nil), what)
    }
    let damaged = segment.batch(at: difference.offset)
    let position = segment.batches[damaged].position
    if Self.isOfClaim(bytes, segment.bytes, at: position) {
      return expectStricter(bytes, of: segment, damaged, what)
    }
    expect(.refused(file: segment.path, byte: Int64(position)), what)
  }

  /// Whether nothing is damaged but the batch's claim of how many bytes before it were unsynced, which no checksum
  /// covers.
  private static func isOfClaim(_ bytes: [UInt8], _ intact: [UInt8], at position: Int) -> Bool {
    let claim = position + 12..<position + 16
    return bytes[..<claim.lowerBound] == intact[..<claim.lowerBound]
      && bytes[claim.upperBound...] == intact[claim.upperBound...]
  }

  /// A claim belongs to no record, and must fit those of its neighbours. Every batch may claim none, which makes
  /// recovery stricter; and where a look begins with the batch, only the next one tells. Which batches these are is up
  /// to where rounds of group commit began, and so to the machine's timing.
  private mutating func expectStricter(_ bytes: [UInt8], of segment: IntactSegment, _ damaged: Int, _ what: String) {
    cases += 1
    let position = segment.batches[damaged].position
    let next = damaged + 1 < segment.batches.count ? segment.batches[damaged + 1].position : position
    switch log.look() {
    case .refused(segment.path, Int64(position)), .refused(segment.path, Int64(next)): refused += 1
    case .read(Int64(log.digests.count), nil) where bytes[position + 12..<position + 16].allSatisfy({ $0 == 0 }): break
    case let finding: violations.append("\(what), the claim of byte \(position): \(finding)")
    }
  }
}
