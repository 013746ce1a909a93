// The value of a tick, taken apart the exact way: the reference that every faster way must equal.

package import Codecs

/// All fields of a tick's value. The source stays where it lies, so that nothing is allocated.
package struct TickFields {
  package var kind: TickKind
  package var side: TickSide
  package var eventTime: Timestamp
  package var appendTime: Timestamp
  package var sourceStart: Int
  package var sourceCount: Int
  package var price: Price
  package var volume: Quantity
  package var sequence: Int64?

  /// Reads the whole `value`; a byte behind the last field is an error, as is a schema id of another topic.
  package init(decoding value: RawSpan) throws(CodecError) {
    var reader = ByteReader(value)
    let schemaID = try reader.readSchemaID()
    guard schemaID == Topic.ticks.schemaID else {
      throw .malformed(at: 1, reason: "schema \(schemaID), which is not that of \(Topic.ticks.name)")
    }
    guard let kind = TickKind(rawValue: try reader.readAvroEnum(count: TickKind.allCases.count)),
      let side = TickSide(rawValue: try reader.readAvroEnum(count: TickSide.allCases.count))
    else { throw .malformed(at: 5, reason: "an enum symbol that does not exist") }
    self.kind = kind
    self.side = side
    eventTime = Timestamp(nanos: try reader.readVarint())
    appendTime = Timestamp(nanos: try reader.readVarint())
    let source = try reader.readAvroBytes()
    sourceCount = source.byteCount
    sourceStart = reader.position - sourceCount
    price = Price(raw: try reader.readAvroDecimal())
    volume = Quantity(raw: try reader.readAvroDecimal())
    sequence = try reader.readAvroOptional() ? try reader.readVarint() : nil
    guard reader.isAtEnd else { throw .malformed(at: reader.position, reason: "bytes behind the last field") }
    guard sourceCount <= EventLimits.nameBytesMax else {
      throw .tooLarge(at: sourceStart, reason: "a source of more than \(EventLimits.nameBytesMax) bytes")
    }
  }

  /// The source's bytes in the same value.
  @_lifetime(copy value)
  package func source(in value: RawSpan) -> RawSpan {
    value.extracting(sourceStart..<sourceStart + sourceCount)
  }
}
