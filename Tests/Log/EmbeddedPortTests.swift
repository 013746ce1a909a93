// The embedded log passes the suite of the port.

import Kit
import Log
import PortKit
import Testing

/// Logs in directories that live as long as the factory.
struct EmbeddedLogFactory: LogFactory {
  private let directory = TemporaryDirectory()

  func make(segmentBytes: Int64) throws -> EmbeddedLog {
    var options = LogOptions()
    options.segmentBytes = segmentBytes
    options.indexIntervalBytes = 500
    options.openSegmentsMax = 4
    return try EmbeddedLog.open(directory: directory.path, options: options)
  }

  /// Each log is in a directory of its own.
  func freshTopic(_ name: String) -> String { name }

  var keepsBatches: Bool { true }
}

@Suite struct EmbeddedPortTests {
  let suite = PortSuite(factory: EmbeddedLogFactory())
  let cuttable = CuttablePortSuite(factory: EmbeddedLogFactory())

  @Test func createsTopicsOnce() throws { try suite.createsTopicsOnce() }
  @Test func returnsWhatWasAppended() throws { try suite.returnsWhatWasAppended() }
  @Test func refusesPositionsOutside() throws { try suite.refusesPositionsOutside() }
  @Test(arguments: 1...3 as ClosedRange<UInt64>) func readsWholeBatchesOnly(seed: UInt64) throws {
    try suite.readsWholeBatchesOnly(seed: seed)
  }
  @Test func keepsPartitionsApart() throws { try suite.keepsPartitionsApart() }
  @Test func refusesBrokenBatches() throws { try suite.refusesBrokenBatches() }
  @Test(arguments: 1...5 as ClosedRange<UInt64>) func findsOffsetsByTime(seed: UInt64) throws {
    try suite.findsOffsetsByTime(seed: seed)
  }
  @Test func wakesWhoWaits() throws { try suite.wakesWhoWaits() }
  @Test func endsWaitsAndAppendsAtClose() throws { try suite.endsWaitsAndAppendsAtClose() }
  @Test func keepsBatchesTogether() throws { try suite.keepsBatchesTogether(producers: 6, batches: 50) }
  @Test func servesProducersAndReadersAtOnce() throws {
    try suite.servesProducersAndReadersAtOnce(producers: 8, batches: 200)
  }
  @Test(arguments: 1...3 as ClosedRange<UInt64>) func regeneratesAfterTruncation(seed: UInt64) throws {
    try cuttable.regeneratesAfterTruncation(seed: seed)
  }
  @Test func startsAnewAfterReset() throws { try cuttable.startsAnewAfterReset() }
  @Test func neverCutsInput() throws { try cuttable.neverCutsInput() }
}
