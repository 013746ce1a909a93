// Randomness from one number: the same seed gives the same sequence everywhere.

/// The generator of Steele, Lea and Flood (2014), period 2^64. Not for secrets.
package struct SplitMix64: Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// Uniform in `0..<bound`, but for a bias of 2^-32.
  package mutating func below(_ bound: Int) -> Int {
    Self.scale(UInt32(truncatingIfNeeded: next() >> 32), below: bound)
  }

  /// Maps 32 random bits to `0..<bound`; `bound` is at most 2^31.
  @inline(__always) static func scale(_ bits: UInt32, below bound: Int) -> Int {
    Int(truncatingIfNeeded: (UInt64(bits) &* UInt64(truncatingIfNeeded: bound)) >> 32)
  }
}
