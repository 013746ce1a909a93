// What an ingest request held.

package import Events

/// A record that was not accepted; the others were.
package struct IngestError: Equatable, Sendable {
  /// The record's place in the request, from 0.
  package let index: Int
  /// The line of an NDJSON body, from 1.
  package let line: Int?
  /// The field at fault, where it is one.
  package let field: String?
  /// What is wrong and what to send instead.
  package let message: String
}

/// The outcome of a whole request.
package struct IngestResult: Sendable {
  /// The good records, in order.
  package internal(set) var ticks: [Tick] = []
  /// The first `Limits.ingestErrorsMax` errors.
  package internal(set) var errors: [IngestError] = []
  /// All errors, the ones not described included.
  package internal(set) var errorCount = 0
  /// All records seen, good or bad.
  package internal(set) var recordCount = 0

  package init() {}
}
