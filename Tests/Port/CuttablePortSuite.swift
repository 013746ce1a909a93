// What a log must do besides, whose derived partitions can be cut back and made again.

import Core
import Kit
import Log
import Testing

package struct CuttablePortSuite<Factory: LogFactory>: Sendable {
  let factory: Factory

  package init(factory: Factory) { self.factory = factory }

  package func regeneratesAfterTruncation(seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    let settings = TopicSettings(name: "derived.v1", isDerived: true)
    try factory.withLog(segmentBytes: 3000, settings) { _, partition in
      let values = (0..<600).map { "\($0) " + filler(Int.random(in: 1...40, using: &random), &random) }
      func append(from first: Int) throws {
        var next = first
        while next < values.count {
          let count = min(Int.random(in: 1...9, using: &random), values.count - next)
          let records = (next..<next + count).map { (Int64($0) * 10, values[$0]) }
          #expect(try partition.appendAndWait(makeBatch(records, "k")) == Int64(next), "seed \(seed)")
          next += count
        }
      }
      try append(from: 0)
      let expected = try readAll(partition)
      #expect(expected.count == 600)
      let epoch = partition.epoch
      var cuts = [599, 600, 300, 1, 0].map { Int64($0) }
      for _ in 0..<12 { cuts.append(Int64.random(in: 0...600, using: &random)) }
      for cut in cuts {
        try partition.truncate(to: cut)
        #expect(partition.highWatermark == cut, "seed \(seed), cut \(cut)")
        #expect(try readAll(partition) == Array(expected[..<Int(cut)]), "seed \(seed), cut \(cut)")
        #expect(try partition.offset(atOrAfter: cut * 10 - 15) == max(0, cut - 1), "seed \(seed), cut \(cut)")
        try append(from: Int(cut))
        #expect(try readAll(partition) == expected, "seed \(seed), cut \(cut)")
      }
      #expect(partition.epoch == epoch)
      #expect(throws: LogError.afterEnd(end: 600)) { try partition.truncate(to: 601) }
      #expect(throws: LogError.beforeStart(earliest: 0)) { try partition.truncate(to: -1) }
    }
  }

  package func startsAnewAfterReset() throws {
    let settings = TopicSettings(name: "derived.v1", isDerived: true)
    try factory.withLog(segmentBytes: 2000, settings) { _, partition in
      var epochs: Set<UInt32> = [partition.epoch]
      for round in 1...5 {
        for index in 0..<100 { try partition.append(makeBatch(["\(round) \(index) ........"]), completion: nil) }
        try partition.sync()
        #expect(partition.highWatermark == 100)
        #expect(try readAll(partition).map(\.value) == (0..<100).map { "\(round) \($0) ........" })
        try partition.reset()
        #expect(partition.highWatermark == 0)
        #expect(try readAll(partition) == [])
        #expect(epochs.insert(partition.epoch).inserted)
      }
    }
  }

  package func neverCutsInput() throws {
    try factory.withLog { _, partition in
      try partition.appendAndWait(makeBatch(["a", "b"]))
      #expect(throws: LogError.inputTopic(partition.topic)) { try partition.truncate(to: 1) }
      #expect(throws: LogError.inputTopic(partition.topic)) { try partition.reset() }
      #expect(partition.highWatermark == 2)
    }
  }
}
