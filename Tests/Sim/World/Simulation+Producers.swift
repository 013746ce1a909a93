// Those who append.

import Codecs
import Log

extension Simulation {
  /// Hands a batch over, unless as many as may be are on their way.
  func produce() {
    guard let process else { return }
    let index = Int.random(in: inputs.indices, using: &random)
    let (batch, records) = ticks.batch(recordsMax: weather.recordsMax, &random)
    guard inputs[index].inFlight < weather.inFlightMax else { return }
    let number = inputs[index].submit(batch, records, since: ticks.forwardNanos)
    let life = disk.process
    do throws(LogError) {
      try process.inputs[index].append(batch) { [weak self] result in self?.decided(index, number, result, life) }
    } catch {
      inputs[index].refuse(number)
      check(error, "append")
    }
  }

  /// The log told what became of a batch.
  private func decided(_ index: Int, _ number: Int, _ result: Result<Int64, LogError>, _ life: Int) {
    // After its process there is nobody to tell.
    guard life == disk.process else { return }
    switch result {
    case .success(let offset):
      disk.trace.add("acknowledged \(index) \(number)", Int64(index), Int64(number), offset)
      if disk.isDown { return violate("batch \(number) was acknowledged after the machine had stopped") }
      if let problem = inputs[index].acknowledge(number, at: offset, nanos: now) {
        return violate("partition \(index): \(problem)")
      }
      if weather.input.durability == .fsync { inputs[index].noteSynced(to: inputs[index].end) }
      counts.acknowledged += 1
      if let end = process?.inputs[index].highWatermark, end < inputs[index].end {
        violate("acknowledged to \(inputs[index].end), readable to \(end)")
      }
    case .failure(let error):
      disk.trace.add("refused \(index) \(number) \(error)", Int64(index), Int64(number), -1)
      check(error, "completion")
      if error == .diskFull { inputs[index].refuse(number) } else { inputs[index].doubt(number) }
    }
  }
}
