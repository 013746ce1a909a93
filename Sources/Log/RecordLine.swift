// Records as lines of JSON, for export and import: nothing is lost on the way, whatever the bytes.
//
//   {"topic":"prices.ticks.v1","partition":0,"partitions":1,"derived":false,"startOffset":0,"endOffset":9}
//   {"offset":0,"timestampMillis":1760000000000,"key":"BTC/USD","value":"AAAA..."}
//   {"offset":1,"timestampMillis":1760000000001,"key":null,"value":null,"headers":[{"key":"k","value":"dg=="}]}
//
//   {"gapStart":2,"gapEnd":9}
//
// Values are base64, keys are text; a key that is not UTF-8 is `keyBase64`. A partition begins with its own line and
// accounts for every offset from `startOffset` to the one before `endOffset`, so that an import can tell that it has
// all: those that hold no record any more, as compaction leaves them, are in a gap.

package import Codecs
internal import Core

/// The line that a partition begins with.
package struct PartitionLine: Equatable, Sendable {
  package var topic: String
  package var partition: Int
  package var partitions: Int
  package var isDerived: Bool
  package var startOffset: Int64
  package var endOffset: Int64

  package init(
    topic: String, partition: Int, partitions: Int, isDerived: Bool, startOffset: Int64, endOffset: Int64
  ) {
    self.topic = topic
    self.partition = partition
    self.partitions = partitions
    self.isDerived = isDerived
    self.startOffset = startOffset
    self.endOffset = endOffset
  }

  package func append(to writer: inout ByteWriter) {
    writer.append(utf8: "{\"topic\":")
    writer.append(jsonString: topic)
    writer.append(utf8: ",\"partition\":\(partition),\"partitions\":\(partitions),\"derived\":\(isDerived),")
    writer.append(utf8: "\"startOffset\":\(startOffset),\"endOffset\":\(endOffset)}\n")
  }
}

/// Offsets that hold no record, from `start` to the one before `end`: at most as many as one batch can cover.
package struct GapLine: Equatable, Sendable {
  package static let offsetsMax = Int64(Int32.max)

  package var start: Int64
  package var end: Int64

  /// Appends the lines that tell of offsets without a record.
  package static func append(from start: Int64, to end: Int64, to writer: inout ByteWriter) {
    var start = start
    while start < end {
      let next = start + min(end - start, offsetsMax)
      writer.append(utf8: "{\"gapStart\":\(start),\"gapEnd\":\(next)}\n")
      start = next
    }
  }
}

/// A record of its own, out of or on its way into a batch.
package struct RecordLine: Equatable, Sendable {
  package var offset: Int64 = 0
  package var timestampMillis: Int64 = 0
  package var key: [UInt8]?
  package var value: [UInt8]?
  /// As stored: a count, then for each its key and value with their lengths.
  package var headers: [UInt8] = [0]
}

extension RecordCursor {
  /// Appends the current record's line.
  package func appendLine(to writer: inout ByteWriter) throws(CodecError) {
    let record = record
    writer.append(utf8: "{\"offset\":\(record.offset),\"timestampMillis\":\(record.timestampMillis),")
    if record.hasKey, !isText(record.key) {
      writer.append(utf8: "\"keyBase64\":\"")
      writer.append(base64: record.key)
      writer.append(utf8: "\"")
    } else {
      writer.append(utf8: "\"key\":")
      if record.hasKey { writer.append(jsonString: record.key) } else { writer.append(utf8: "null") }
    }
    writer.append(utf8: ",\"value\":")
    writer.append(bytesOrNull: record.value, isThere: record.hasValue)
    try appendHeaders(to: &writer)
    writer.append(utf8: "}\n")
  }

  private func appendHeaders(to writer: inout ByteWriter) throws(CodecError) {
    var reader = ByteReader(storedHeaders)
    let count = try reader.readVarint()
    guard count > 0 else { return }
    writer.append(utf8: ",\"headers\":[")
    for number in 0..<count {
      writer.append(utf8: number == 0 ? "{\"key\":" : ",{\"key\":")
      let key = try reader.read(count: Int(truncatingIfNeeded: try reader.readVarint()))
      guard isText(key) else { throw .malformed(at: reader.position, reason: "a header's key is not UTF-8") }
      writer.append(jsonString: key)
      writer.append(utf8: ",\"value\":")
      let valueCount = Int(truncatingIfNeeded: try reader.readVarint())
      writer.append(bytesOrNull: try reader.read(count: max(valueCount, 0)), isThere: valueCount >= 0)
      writer.append(utf8: "}")
    }
    writer.append(utf8: "]")
  }
}

private func isText(_ bytes: RawSpan) -> Bool {
  var check = UTF8Check()
  return check.consume(bytes) && check.isComplete
}

extension ByteWriter {
  fileprivate mutating func append(bytesOrNull bytes: RawSpan, isThere: Bool) {
    guard isThere else { return append(utf8: "null") }
    append(UInt8(ascii: "\""))
    append(base64: bytes)
    append(UInt8(ascii: "\""))
  }
}

/// What one line of an export says.
package enum ExportLine: Equatable, Sendable {
  case partition(PartitionLine)
  case record(RecordLine)
  case gap(GapLine)
}
