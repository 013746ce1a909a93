// The body of `POST /v1/ingest/prices.ticks`: good records become ticks, each bad one an error with its place.

import Codecs
import Core
package import Events

/// Decodes bodies. Pure and thread-safe. A record is `{"instrument", "source", "price", "volume"?, "side"?,
/// "sequence"?, "eventTime"?}`; with a volume it is a trade, without one a quote.
package struct IngestDecoder: Sendable {
  private let instruments: Set<String>?
  private let recordsMax: Int

  /// With `instruments`, only those are accepted.
  package init(instruments: [String]? = nil, recordsMax: Int = Limits.ingestRecordsMax) {
    self.instruments = instruments.map { Set($0) }
    self.recordsMax = recordsMax
  }

  /// Decodes a whole body. `now` is the time of records that name none, and what "future" is measured against.
  package func decode(_ body: RawSpan, format: IngestFormat, now: Timestamp) -> IngestResult {
    var result = IngestResult()
    // A record has a hundred bytes or so; growing the array by doubling would copy every tick twice.
    result.ticks.reserveCapacity(min(recordsMax, body.byteCount / 96 + 1))
    switch format {
    case .lines: decodeLines(body, now, &result)
    case .json: decodeDocument(body, now, &result)
    }
    if body.isBlank {
      result.fail(0, nil, RecordFault(nil, "the body is empty; send a JSON object, an array of them, or one a line"))
    }
    return result
  }

  private func decodeLines(_ body: RawSpan, _ now: Timestamp, _ result: inout IngestResult) {
    var start = 0
    var line = 0
    while start < body.byteCount {
      let end = body.firstNewline(from: start)
      line += 1
      let text = body.extracting(start..<end)
      if !text.isBlank {
        let index = result.recordCount
        guard index < recordsMax else { return result.fail(index, line, tooMany) }
        result.recordCount += 1
        do throws(RecordFault) {
          result.ticks.append(try decodeWhole(text, base: start, now))
        } catch { result.fail(index, line, error) }
      }
      start = end + 1
    }
  }

  private func decodeWhole(_ text: RawSpan, base: Int, _ now: Timestamp) throws(RecordFault) -> Tick {
    let fields: JSONFields<IngestField>
    do { fields = try JSONFields(text, base: base) } catch { throw .malformed(error) }
    return try fields.tick(instruments: instruments, now: now)
  }

  private func decodeDocument(_ body: RawSpan, _ now: Timestamp, _ result: inout IngestResult) {
    let start = body.skippingSpace(from: 0)
    if start == body.byteCount { return }
    if body.byte(start) == UInt8(ascii: "[") { return decodeArray(body, start + 1, now, &result) }
    result.recordCount = 1
    do throws(RecordFault) {
      result.ticks.append(try decodeWhole(body, base: 0, now))
    } catch { result.fail(0, nil, error) }
  }

  /// The elements one by one, each with a scanner of its own, so that a malformed one is lost alone.
  private func decodeArray(_ body: RawSpan, _ start: Int, _ now: Timestamp, _ result: inout IngestResult) {
    var position = body.skippingSpace(from: start)
    var isFirst = true
    while true {
      let index = result.recordCount
      if isFirst, body.byte(position) == UInt8(ascii: "]") { break }
      guard index < recordsMax else { return result.fail(index, nil, tooMany) }
      result.recordCount += 1
      isFirst = false
      guard let end = decodeElement(body, position, index, now, &result) else { return }
      position = body.skippingSpace(from: end)
      if body.byte(position) == UInt8(ascii: "]") { break }
      guard body.byte(position) == UInt8(ascii: ",") else {
        return result.fail(
          index + 1, nil,
          RecordFault(
            nil,
            "malformed JSON at byte \(position): neither a comma nor the end of the array; "
              + "what follows was not read"))
      }
      position = body.skippingSpace(from: position + 1)
    }
    if body.skippingSpace(from: position + 1) < body.byteCount {
      result.fail(
        result.recordCount, nil,
        RecordFault(nil, "malformed JSON at byte \(position + 1): text after the end of the array"))
    }
  }

  /// Decodes the element that begins at `start`; the result is where it ends, nil if that cannot be known.
  private func decodeElement(
    _ body: RawSpan, _ start: Int, _ index: Int, _ now: Timestamp, _ result: inout IngestResult
  ) -> Int? {
    let rest = body.extracting(start..<body.byteCount)
    var scanner = JSONScanner(rest)
    do throws(FrameRejection) {
      guard try scanner.token(start) == .objectStart else {
        throw FrameRejection(reason: "an element that is no object", byteOffset: start)
      }
      let fields = try JSONFields<IngestField>(&scanner, in: rest, base: start)
      do throws(RecordFault) {
        result.ticks.append(try fields.tick(instruments: instruments, now: now))
      } catch { result.fail(index, nil, error) }
      return start + scanner.position
    } catch {
      let end = body.endOfBrokenElement(from: start)
      var fault = RecordFault.malformed(error)
      if end == nil { fault.message += "; the end of the record cannot be found, what follows was not read" }
      result.fail(index, nil, fault)
      return end
    }
  }

  private var tooMany: RecordFault {
    RecordFault(
      nil, "more than \(recordsMax) records in one request; this and the following were not read, send them in another")
  }
}

extension IngestResult {
  fileprivate mutating func fail(_ index: Int, _ line: Int?, _ fault: RecordFault) {
    errorCount += 1
    guard errors.count < Limits.ingestErrorsMax else { return }
    errors.append(IngestError(index: index, line: line, field: fault.field, message: fault.message))
  }
}

extension RecordFault {
  fileprivate static func malformed(_ error: FrameRejection) -> RecordFault {
    RecordFault(nil, "malformed JSON at byte \(error.byteOffset): \(error.reason)")
  }
}
