// The log on Kafka passes the suite of the port, against a real broker.

import PortKit
import Testing

@Suite(.enabled(if: Broker.isThere, "no BOOTSTRAP: the suite of the port is NOT run against Kafka; make test-kafka"))
struct KafkaPortTests {
  let suite = PortSuite(factory: KafkaLogFactory())

  @Test func createsTopicsOnce() throws { try suite.createsTopicsOnce() }
  @Test func returnsWhatWasAppended() throws { try suite.returnsWhatWasAppended() }
  @Test func refusesPositionsOutside() throws { try suite.refusesPositionsOutside() }
  @Test(arguments: 1...2 as ClosedRange<UInt64>) func readsWholeBatchesOnly(seed: UInt64) throws {
    try suite.readsWholeBatchesOnly(seed: seed, reads: 60)
  }
  @Test func keepsPartitionsApart() throws { try suite.keepsPartitionsApart() }
  @Test func refusesBrokenBatches() throws { try suite.refusesBrokenBatches() }
  @Test(arguments: 1...3 as ClosedRange<UInt64>) func findsOffsetsByTime(seed: UInt64) throws {
    try suite.findsOffsetsByTime(seed: seed)
  }
  @Test func wakesWhoWaits() throws { try suite.wakesWhoWaits(rounds: 100) }
  @Test func endsWaitsAndAppendsAtClose() throws { try suite.endsWaitsAndAppendsAtClose() }
  @Test func keepsBatchesTogether() throws { try suite.keepsBatchesTogether(producers: 6, batches: 50) }
  @Test func servesProducersAndReadersAtOnce() throws {
    try suite.servesProducersAndReadersAtOnce(producers: 8, batches: 60)
  }
}
