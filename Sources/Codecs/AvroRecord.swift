// The shape of an Avro record as data, for what must translate values that it does not understand.

/// A type of an Avro schema, of those that `schemas/` has.
package enum AvroType: Sendable {
  case boolean, int, long, string, bytes
  /// `bytes` with the logical type `decimal` of this scale.
  case decimal(scale: Int)
  /// By its symbols.
  case enumeration([StaticString])
  /// `["null", T]` with the default null.
  indirect case optional(AvroType)
  /// An array of records.
  indirect case records(AvroRecord)
}

/// The fields of a record, in the order of their bytes.
package struct AvroRecord: Sendable {
  package typealias Field = (name: StaticString, type: AvroType)
  package let fields: [Field]

  package init(_ fields: [Field]) { self.fields = fields }
}
