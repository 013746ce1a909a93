// A market that exists only as a function of a seed: the load of benchmarks, demonstrations and simulations.

package import Events

/// Generates ticks: a geometric random walk per instrument, in integers, that several sources follow with lag and
/// noise, some of them at fault. The same configuration and event times give the same ticks.
package struct SyntheticMarket: Sendable {
  /// What one source knows of one instrument.
  private struct Cell {
    /// The price that the source shows, in 2^-16 price increments.
    var view: Int64
    var sequence: Int64 = 0
    /// The source's drop-outs that this cell has announced.
    var dropOuts: Int32 = 0
  }

  private struct Source {
    let name: String
    let quotesOnly: Bool
    var silentUntil = Int64.min
    var dropOuts: Int32 = 0
  }

  /// Prices are walked with so many bits behind the price increment.
  private static var guardBits: Int64 { 16 }
  /// The standard deviation of one second's relative change, 1.5e-4, in units of 2^-30.
  private static var secondDeviation: Int { 161_061 }

  private let configuration: SyntheticConfiguration
  private let listings: [SyntheticListing]
  private let deviation: Int64
  private var sources: [Source]
  private var mids: [Int64]
  private var cells: [Cell]
  private var random: SplitMix64

  package init(_ configuration: SyntheticConfiguration) {
    self.configuration = configuration
    random = SplitMix64(seed: configuration.seed)
    listings = SyntheticListing.listings(max(1, configuration.instruments), random: &random)
    sources = SyntheticListing.sources(max(1, configuration.sources)).map {
      Source(name: $0, quotesOnly: $0 == "coingecko")
    }
    mids = listings.map { $0.startIncrements << Self.guardBits }
    cells = mids.flatMap { [Cell](repeating: Cell(view: $0), count: max(1, configuration.sources)) }
    // The variance of a tick is that of a second divided by the ticks per second that an instrument gets.
    let milliRate = max(
      1,
      max(1, configuration.ticksPerSecond).multipliedReportingOverflow(by: 1000).partialValue
        / listings.count)
    let variance = Self.secondDeviation * Self.secondDeviation * 1000 / milliRate
    deviation = max(1, Int64(Self.squareRoot(variance)))
  }

  package var instruments: [String] { listings.map(\.instrument) }
  package var sourceNames: [String] { sources.map(\.name) }

  /// Appends the next tick at `eventTime`, and what comes with it: the gap that a source's return reveals before it,
  /// the duplicate after it.
  package mutating func next(at eventTime: Timestamp, into ticks: inout [Tick]) {
    let choice = random.next()
    let walk = random.next()
    let detail = random.next()
    let instrument = chooseInstrument(choice)
    let source = chooseSource(choice, at: eventTime.nanos)
    let listing = listings[instrument]
    move(instrument, walk)

    let index = instrument &* sources.count &+ source
    // Half way to the common price: a source lags by a tick or two.
    cells[index].view &+= (mids[instrument] &- cells[index].view) / 2
    announceReturn(index, instrument, source, at: eventTime, into: &ticks)
    cells[index].sequence &+= 1
    // A few increments of noise, of the bits that the walk did not need.
    let noise = Int64((detail & 0xff).nonzeroBitCount) - 4
    var increments = max(1, cells[index].view >> Self.guardBits &+ noise)
    var time = eventTime
    var isTwice = false
    switch fault(SplitMix64.scale(UInt32(truncatingIfNeeded: detail >> 32), below: 1_000_000)) {
    case .none: break
    case .dropOut: dropOut(source, at: eventTime)
    case .outlier: increments = outlier(increments)
    case .late: time.nanos -= lateness()
    case .duplicate: isTwice = true
    }

    let isTrade = !sources[source].quotesOnly && detail & 0x300 != 0
    let lots = isTrade ? volumeLots(listing.typicalLots, UInt32(truncatingIfNeeded: detail >> 10)) : 0
    ticks.append(
      Tick(
        kind: isTrade ? .trade : .quote, instrument: listing.instrument, source: sources[source].name,
        price: Price(raw: Int128(increments) &* Int128(listing.incrementRaw)),
        volume: Quantity(raw: Int128(lots) &* Int128(listing.lotRaw)),
        side: isTrade ? (walk & 1 == 0 ? .buy : .sell) : .unknown, sequence: cells[index].sequence, eventTime: time))
    if isTwice { ticks.append(ticks[ticks.count - 1]) }
  }

  /// Half of the ticks fall on all instruments alike, the other half more on those in front.
  @inline(__always) private func chooseInstrument(_ bits: UInt64) -> Int {
    let first = SplitMix64.scale(UInt32(truncatingIfNeeded: bits >> 32), below: listings.count)
    if bits & 1 == 0 { return first }
    return min(first, SplitMix64.scale(UInt32(truncatingIfNeeded: bits) & 0xffff_0000, below: listings.count))
  }

  /// The source drawn, or the next one that is not silent.
  @inline(__always) private func chooseSource(_ bits: UInt64, at nanos: Int64) -> Int {
    let drawn = SplitMix64.scale(UInt32(truncatingIfNeeded: bits) << 16, below: sources.count)
    if sources[drawn].silentUntil <= nanos { return drawn }
    for step in 1..<max(2, sources.count) {
      let other = (drawn + step) % sources.count
      if sources[other].silentUntil <= nanos { return other }
    }
    return drawn
  }

  /// One step of the walk: a binomial draw of 64 coins stands in for the normal one; its deviation is 4.
  @inline(__always) private mutating func move(_ instrument: Int, _ bits: UInt64) {
    let coins = Int64(bits.nonzeroBitCount) - 32
    let mid = mids[instrument]
    let start = listings[instrument].startIncrements << Self.guardBits
    // Shifted in two steps: the product of all three needs more than 64 bits.
    let step = ((mid >> 12) &* coins &* deviation) >> 20
    // A pull home that takes days, so that no walk ends at zero or at the end of the integers.
    let moved = mid &+ step &+ (start &- mid) >> 24
    mids[instrument] = min(max(moved, start / 16), start &* 16)
  }

  private enum Fault { case none, dropOut, outlier, late, duplicate }

  @inline(__always) private func fault(_ roll: Int) -> Fault {
    var limit = configuration.dropOutsPerMillion
    if roll < limit { return .dropOut }
    limit += configuration.outliersPerMillion
    if roll < limit { return .outlier }
    limit += configuration.latePerMillion
    if roll < limit { return .late }
    limit += configuration.duplicatesPerMillion
    return roll < limit ? .duplicate : .none
  }

  private mutating func dropOut(_ source: Int, at eventTime: Timestamp) {
    guard sources.count > 1, sources.allSatisfy({ $0.silentUntil <= eventTime.nanos }) else { return }
    let seconds = Int64(1 + random.below(max(1, configuration.dropOutSecondsMax)))
    sources[source].silentUntil = eventTime.nanos &+ seconds &* 1_000_000_000
    sources[source].dropOuts &+= 1
  }

  /// The first tick of an instrument after its source's silence shows a hole in the numbers.
  @inline(__always) private mutating func announceReturn(
    _ index: Int, _ instrument: Int, _ source: Int, at eventTime: Timestamp, into ticks: inout [Tick]
  ) {
    guard cells[index].dropOuts != sources[source].dropOuts else { return }
    cells[index].dropOuts = sources[source].dropOuts
    cells[index].sequence &+= Int64(1 + random.below(50))
    ticks.append(
      Tick(
        kind: .gap, instrument: listings[instrument].instrument, source: sources[source].name,
        sequence: cells[index].sequence &+ 1, eventTime: eventTime))
  }

  private mutating func outlier(_ increments: Int64) -> Int64 {
    let percent = Int64(5 + random.below(46))
    let change = max(1, increments / 100 &* percent)
    return random.next() & 1 == 0 ? increments &+ change : max(1, increments &- change)
  }

  private mutating func lateness() -> Int64 {
    Int64(1 + random.below(max(1, configuration.lateSecondsMax) * 1000)) * 1_000_000
  }

  /// From a sixteenth of the usual volume to four times of it, small ones more often.
  @inline(__always) private func volumeLots(_ typical: Int64, _ bits: UInt32) -> Int64 {
    let fraction = Int64(bits & 0xfff) &+ 1
    let size = Int64((bits >> 12) & 7)
    return max(1, (((typical &* fraction) >> 12) << size) >> 4)
  }

  private static func squareRoot(_ value: Int) -> Int {
    var root = 0
    var bit = 1 << 30
    while bit > 0 {
      if (root + bit) <= value / (root + bit) { root += bit }
      bit >>= 1
    }
    return root
  }
}
