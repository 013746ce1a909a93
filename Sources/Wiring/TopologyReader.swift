// YAML tree -> Topology: every key known, typed and in range, or an error that names line and column.

import Codecs
import Events

/// Reads one mapping key by key; what is left over at the end is a mistake and is named.
struct MappingReader {
  let path: String
  let mark: YAMLMark
  private var rest: [(key: String, keyMark: YAMLMark, value: YAMLNode)]
  private var known: [String] = []

  init(_ node: YAMLNode, path: String) throws(YAMLError) {
    guard case .mapping(let pairs, let mark) = node else {
      throw YAMLError(mark: node.mark, message: "\(path.isEmpty ? "the file" : path) must be a mapping of keys")
    }
    self.path = path
    self.mark = mark
    rest = pairs
  }

  mutating func take(_ key: String) -> YAMLNode? {
    known.append(key)
    guard let index = rest.firstIndex(where: { $0.key.utf8.elementsEqual(key.utf8) }) else { return nil }
    return rest.remove(at: index).value
  }

  /// An unknown key is never ignored: a typing error would silently mean the default.
  func finish() throws(YAMLError) {
    guard let extra = rest.first else { return }
    let place = path.isEmpty ? "" : " in \(path)"
    throw YAMLError(
      mark: extra.keyMark,
      message: "unknown key \"\(extra.key)\"\(place); known are \(known.sorted().joined(separator: ", "))")
  }

  mutating func text(_ key: String) throws(YAMLError) -> (String, YAMLMark)? {
    guard let node = take(key) else { return nil }
    guard case .scalar(let text, let mark) = node else {
      throw YAMLError(mark: node.mark, message: "\(name(key)) must be a single value")
    }
    return (text, mark)
  }

  mutating func integer(_ key: String, in range: ClosedRange<Int>, into value: inout Int) throws(YAMLError) {
    guard let (text, mark) = try text(key) else { return }
    guard let number = Int(text), range.contains(number) else {
      throw YAMLError(
        mark: mark,
        message: "\(name(key)) is \"\(text)\"; it must be a whole number from \(range.lowerBound) to "
          + "\(range.upperBound)")
    }
    value = number
  }

  mutating func integer(_ key: String, in range: ClosedRange<Int>) throws(YAMLError) -> Int? {
    guard rest.contains(where: { $0.key.utf8.elementsEqual(key.utf8) }) else {
      known.append(key)
      return nil
    }
    var value = 0
    try integer(key, in: range, into: &value)
    return value
  }

  mutating func list(_ key: String) throws(YAMLError) -> [YAMLNode]? {
    guard let node = take(key) else { return nil }
    guard case .sequence(let items, _) = node else {
      throw YAMLError(mark: node.mark, message: "\(name(key)) must be a list")
    }
    return items
  }

  mutating func texts(_ key: String) throws(YAMLError) -> [(String, YAMLMark)]? {
    guard let items = try list(key) else { return nil }
    var texts: [(String, YAMLMark)] = []
    for item in items {
      guard case .scalar(let text, let mark) = item else {
        throw YAMLError(mark: item.mark, message: "\(name(key)) must be a list of single values")
      }
      texts.append((text, mark))
    }
    return texts
  }

  mutating func section(_ key: String) throws(YAMLError) -> MappingReader? {
    guard let node = take(key) else { return nil }
    return try MappingReader(node, path: name(key))
  }

  /// The keys that were not read yet.
  var keys: [(key: String, mark: YAMLMark)] { rest.map { ($0.key, $0.keyMark) } }

  func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
}

extension Topology {
  /// The topology that `text` describes.
  package init(yaml text: String) throws(YAMLError) {
    self.init()
    var top = try MappingReader(try YAMLDocument.parse(text), path: "")
    if let node = top.take("log") { try log.read(node) }
    if let node = top.take("schemaRegistry") { schemaRegistry = try RegistrySection(node) }
    if let names = try top.texts("instruments") {
      for (name, mark) in names {
        guard Instrument.isValid(name) else {
          throw YAMLError(mark: mark, message: "instrument \"\(name)\" must look like BTC/USD")
        }
        instruments.append(name)
      }
    }
    if let list = try top.list("feeds") {
      for (index, node) in list.enumerated() {
        var section = try MappingReader(node, path: "feeds[\(index)]")
        feeds.append(try Feed(&section))
      }
    }
    if var section = try top.section("processors") {
      if var inner = try section.section("latest") { try latest.read(&inner) }
      if var inner = try section.section("candles") { try candles.read(&inner) }
      try section.integer("checkpointEveryRecords", in: 1000...1_000_000_000, into: &checkpointEveryRecords)
      try section.finish()
    }
    if var section = try top.section("edge") { try edge.read(&section) }
    try top.finish()
  }
}

extension Topology.Feed {
  fileprivate init(_ section: inout MappingReader) throws(YAMLError) {
    let kind = try section.text("kind")
    switch kind?.0 {
    case "synthetic":
      var feed = Topology.Synthetic()
      try feed.read(&section)
      self = .synthetic(feed)
    case "recorded":
      var feed = Topology.Recorded()
      if let (text, _) = try section.text("directory") { feed.directory = text }
      if let (text, mark) = try section.text("speed") {
        guard let speed = Topology.Recorded.speedMilli(text) else {
          throw YAMLError(mark: mark, message: "\(section.name("speed")) is \"\(text)\"; it must be max or a factor")
        }
        feed.speedMilli = speed
      }
      guard !feed.directory.isEmpty else {
        throw YAMLError(mark: section.mark, message: "\(section.path) needs a directory of *.jsonl recordings")
      }
      try section.finish()
      self = .recorded(feed)
    default:
      throw YAMLError(
        mark: kind?.1 ?? section.mark, message: "\(section.path).kind must be synthetic or recorded")
    }
  }
}

extension Topology.Recorded {
  /// `max` is nil; `60` or `0.5` is the factor in thousandths. No value at all where the text is neither.
  package static func speedMilli(_ text: String) -> Int?? {
    if text.utf8.elementsEqual("max".utf8) { return .some(nil) }
    let bytes = Array(text.utf8)
    guard let milli = unsafe try? DecimalText.parse(bytes.span.bytes, scale: 3), (1...1_000_000_000).contains(milli)
    else { return nil }
    return .some(Int(milli))
  }
}

extension Topology.Synthetic {
  fileprivate mutating func read(_ section: inout MappingReader) throws(YAMLError) {
    var seedNumber = 1
    try section.integer("seed", in: 0...Int.max, into: &seedNumber)
    seed = UInt64(seedNumber)
    try section.integer("instruments", in: 1...1_000_000, into: &instruments)
    try section.integer("sources", in: 1...1000, into: &sources)
    if let (text, mark) = try section.text("ratePerSecond") {
      guard let rate = Self.rate(text) else {
        throw YAMLError(
          mark: mark, message: "\(section.name("ratePerSecond")) is \"\(text)\"; it must be max or 1 to 100000000")
      }
      ratePerSecond = rate
    }
    try section.integer("dropOutsPerMillion", in: 0...1_000_000, into: &dropOutsPerMillion)
    try section.integer("outliersPerMillion", in: 0...1_000_000, into: &outliersPerMillion)
    try section.integer("latePerMillion", in: 0...1_000_000, into: &latePerMillion)
    try section.integer("duplicatesPerMillion", in: 0...1_000_000, into: &duplicatesPerMillion)
    try section.finish()
  }

  /// `max` is nil; otherwise ticks a second. No value at all where the text is neither.
  package static func rate(_ text: String) -> Int?? {
    if text.utf8.elementsEqual("max".utf8) { return .some(nil) }
    guard let rate = Int(text), (1...100_000_000).contains(rate) else { return nil }
    return .some(rate)
  }
}

extension Topology.LatestSection {
  fileprivate mutating func read(_ section: inout MappingReader) throws(YAMLError) {
    try section.integer("stalenessSeconds", in: 1...86_400, into: &stalenessSeconds)
    try section.integer("emitIntervalMillis", in: 0...60_000, into: &emitIntervalMillis)
    if let (text, mark) = try section.text("unknownWeight") {
      unknownWeight = try Self.weight(text, mark, section.name("unknownWeight"))
    }
    if let node = section.take("weights") {
      guard case .mapping(let pairs, _) = node else {
        throw YAMLError(mark: node.mark, message: "\(section.name("weights")) must map sources to weights")
      }
      weights = []
      for pair in pairs {
        guard case .scalar(let text, let mark) = pair.value else {
          throw YAMLError(mark: pair.value.mark, message: "the weight of \(pair.key) must be a number")
        }
        weights.append((pair.key, try Self.weight(text, mark, "the weight of \(pair.key)")))
      }
      weights.sort { $0.source.utf8.lexicographicallyPrecedes($1.source.utf8) }
    }
    try section.finish()
  }

  private static func weight(_ text: String, _ mark: YAMLMark, _ name: String) throws(YAMLError) -> Quantity {
    let bytes = Array(text.utf8)
    guard let raw = unsafe try? DecimalText.parse(bytes.span.bytes, scale: Quantity.scale), raw >= 0,
      raw <= 1000 * 1_000_000_000_000_000_000
    else { throw YAMLError(mark: mark, message: "\(name) is \"\(text)\"; it must be a number from 0 to 1000") }
    return Quantity(raw: raw)
  }
}

extension Topology.CandlesSection {
  fileprivate mutating func read(_ section: inout MappingReader) throws(YAMLError) {
    if let names = try section.texts("intervals") {
      intervals = []
      for (name, mark) in names {
        guard let interval = CandleInterval(name: name) else {
          let known = CandleInterval.allCases.map(\.name).joined(separator: ", ")
          throw YAMLError(mark: mark, message: "interval \"\(name)\" is not one of \(known)")
        }
        if !intervals.contains(interval) { intervals.append(interval) }
      }
      intervals.sort { $0.rawValue < $1.rawValue }
    }
    try section.integer("latenessSeconds", in: 0...86_400, into: &latenessSeconds)
    try section.integer("emitIntervalMillis", in: 0...60_000, into: &emitIntervalMillis)
    try section.finish()
  }
}

extension Topology.EdgeSection {
  fileprivate mutating func read(_ section: inout MappingReader) throws(YAMLError) {
    if let (text, mark) = try section.text("listen") {
      guard let (host, port) = Self.address(text) else {
        throw YAMLError(mark: mark, message: "\(section.name("listen")) is \"\(text)\"; it must be HOST:PORT")
      }
      (self.host, self.port) = (host, port)
    }
    if let origins = try section.texts("allowedOrigins") { allowedOrigins = origins.map(\.0) }
    try section.integer("clientsMax", in: 1...1_000_000, into: &clientsMax)
    if let (text, _) = try section.text("ingestKeyFile") { ingestKeyFile = text }
    try section.finish()
  }

  /// `HOST:PORT`, `[::1]:PORT` or `:PORT` (all addresses).
  package static func address(_ text: String) -> (host: String, port: UInt16)? {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    return (host.isEmpty ? "0.0.0.0" : host, port)
  }
}
