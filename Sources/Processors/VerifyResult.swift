// What a verification found.

import Log

/// The first place where what is stored is not what the input gives.
package struct VerifyDifference: Equatable, Sendable {
  package var topic: String
  package var partition: Int
  /// Of the derived record; -1 where it is not about one, such as a checkpoint's hash.
  package var offset: Int64
  /// The offset of the input record that caused what was expected; nil where nothing was expected.
  package var inputOffset: Int64?
  /// What is wrong, in a sentence.
  package var reason: String
  /// The record that the fold gives and the record that is stored, as JSON; empty where there is none.
  package var expected: String
  package var found: String
  /// Where on disk, if the log knows.
  package var file: String?
  package var byte: Int64?
}

/// What was compared when nothing was wrong.
package struct VerifySummary: Equatable, Sendable {
  /// One derived partition.
  package struct Topic: Equatable, Sendable {
    package var topic: String
    package var records: Int64
    /// Records that the input gives and that are not stored yet, since a fold may be behind.
    package var missing: Int64
    /// The chained SHA-256 of all its records, in hexadecimal.
    package var hash: String
  }

  package var inputRecords: Int64
  package var topics: [Topic]
  /// How many checkpoints' hashes were compared.
  package var checkpoints: Int
  /// Checkpoints that could not be read or belong to another history, with the reason: not a difference.
  package var warnings: [String]
}

/// The outcome of a verification.
package enum VerifyResult: Equatable, Sendable {
  case same(VerifySummary)
  case different(VerifyDifference)
}
