// Numbers from a range, of a seed.

import Kit

/// A seeded source of small numbers.
struct SplitMixDraw {
  private var random: SplitMix

  init(seed: UInt64) { random = SplitMix(seed: seed) }

  mutating func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
}
