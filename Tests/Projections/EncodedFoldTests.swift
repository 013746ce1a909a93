// The fold does not know how its topics are stored: the same input gives the same state and the same records.

import Codecs
import Events
import Log
import Processors
import Testing

@Suite struct EncodedFoldTests {
  private func fold(_ form: ValueEncoding.Form?) throws -> (hash: [UInt8], records: [[OutputRecord]]) {
    var options = LogOptions()
    for topic in Topic.all { options.encodings[topic.name] = form.flatMap { topic.encoding($0) } }
    let fixture = try TaskFixture(options: options)
    try fixture.append(ProcessorTaskTests.records(21))
    var task = try fixture.task()
    for _ in 0..<20 { _ = try task.step(maxBytes: 5000) }
    // A restart, which cuts the derived topics back to a checkpoint and makes them again.
    task = try fixture.task()
    while try task.step(maxBytes: 5000) != .caughtUp {}
    try task.checkpointNow()
    guard case .same = try fixture.verify() else { throw VerificationFailed() }
    let result = (task.stateHash(), try fixture.contents())
    fixture.log.close()
    return result
  }

  private struct VerificationFailed: Error {}

  @Test func theStateAndTheRecordsAreThoseOfAvro() throws {
    let avro = try fold(nil)
    #expect(avro.records.allSatisfy { !$0.isEmpty })
    for form in [ValueEncoding.Form.json, .avro(id: 40_000)] {
      let other = try fold(form)
      #expect(other.hash == avro.hash)
      #expect(other.records == avro.records)
    }
  }
}
