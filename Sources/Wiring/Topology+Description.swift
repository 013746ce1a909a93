// The topology as text: what is in force, key by key, and the way of an event through it.

import Events

extension Topology {
  /// What `millrace describe` prints: every key with its value, marked where a file or flag changed it.
  package var description: String {
    let standards = Dictionary(
      uniqueKeysWithValues: (Topology().keys + KafkaSection().keys).map { ($0.name, $0.value) })
    var lines = ["# the way of an event"]
    lines += feeds.isEmpty ? ["HTTP ingest -> prices.ticks.v1"] : feeds.map { "\($0.summary) -> prices.ticks.v1" }
    lines += [
      "prices.ticks.v1 -> latest -> prices.latest.v1",
      "prices.ticks.v1 -> candles (\(candles.intervals.map(\.name).joined(separator: ", "))) -> prices.candles.v1",
      "what cannot be decoded or applied -> prices.ticks.dead.v1",
      "all topics -> the edge at http://\(edge.host):\(edge.port)",
      "", "# keys (* differs from the default)",
    ]
    let rows = keys.map { key in
      let mark = key.value == standards[key.name] ? "  " : "* "
      return "\(mark)\(key.name): \(key.value)\(key.unit.isEmpty ? "" : " ")\(key.unit)"
    }
    let feedRows = feeds.enumerated().flatMap { index, feed in
      feed.keys.map { "* feeds[\(index)].\($0.name): \($0.value)" }
    }
    return (lines + rows + feedRows).joined(separator: "\n") + "\n"
  }

  struct Key {
    var name: String
    var value: String
    var unit = ""
  }

  private var keys: [Key] {
    log.keys + (schemaRegistry?.keys ?? [Key(name: "schemaRegistry", value: "none")]) + [
      Key(name: "instruments", value: instruments.isEmpty ? "any" : instruments.joined(separator: ", ")),
      Key(name: "processors.latest.stalenessSeconds", value: "\(latest.stalenessSeconds)", unit: "s"),
      Key(name: "processors.latest.emitIntervalMillis", value: "\(latest.emitIntervalMillis)", unit: "ms"),
      Key(
        name: "processors.latest.weights",
        value: latest.weights.map { "\($0.source) \($0.weight)" }.joined(separator: ", ")),
      Key(name: "processors.latest.unknownWeight", value: "\(latest.unknownWeight)"),
      Key(name: "processors.candles.intervals", value: candles.intervals.map(\.name).joined(separator: ", ")),
      Key(name: "processors.candles.latenessSeconds", value: "\(candles.latenessSeconds)", unit: "s"),
      Key(name: "processors.candles.emitIntervalMillis", value: "\(candles.emitIntervalMillis)", unit: "ms"),
      Key(name: "processors.checkpointEveryRecords", value: "\(checkpointEveryRecords)", unit: "records"),
      Key(name: "roles", value: Role.allCases.filter(roles.contains).map(\.rawValue).joined(separator: ", ")),
      Key(name: "partitions", value: share.text),
      Key(name: "edge.listen", value: "\(edge.host):\(edge.port)"),
      Key(
        name: "edge.allowedOrigins",
        value: edge.allowedOrigins.isEmpty ? "none" : edge.allowedOrigins.joined(separator: ", ")),
      Key(name: "edge.clientsMax", value: "\(edge.clientsMax)", unit: "sockets"),
      Key(name: "edge.ingestKeyFile", value: edge.ingestKeyFile ?? "none: ingest from loopback only"),
    ]
  }
}

extension Topology.Feed {
  var summary: String {
    switch self {
    case .synthetic(let feed):
      "synthetic market (seed \(feed.seed), \(feed.instruments) instruments, \(feed.sources) sources, \(feed.rateText))"
    case .recorded(let feed): "recordings in \(feed.directory) at \(feed.speedText)"
    }
  }

  var keys: [Topology.Key] {
    switch self {
    case .synthetic(let feed):
      [
        Topology.Key(name: "kind", value: "synthetic"), Topology.Key(name: "seed", value: "\(feed.seed)"),
        Topology.Key(name: "instruments", value: "\(feed.instruments)"),
        Topology.Key(name: "sources", value: "\(feed.sources)"),
        Topology.Key(name: "ratePerSecond", value: feed.ratePerSecond.map(String.init) ?? "max"),
        Topology.Key(name: "dropOutsPerMillion", value: "\(feed.dropOutsPerMillion)"),
        Topology.Key(name: "outliersPerMillion", value: "\(feed.outliersPerMillion)"),
        Topology.Key(name: "latePerMillion", value: "\(feed.latePerMillion)"),
        Topology.Key(name: "duplicatesPerMillion", value: "\(feed.duplicatesPerMillion)"),
      ]
    case .recorded(let feed):
      [
        Topology.Key(name: "kind", value: "recorded"), Topology.Key(name: "directory", value: feed.directory),
        Topology.Key(name: "speed", value: feed.speedText),
      ]
    }
  }
}

extension Topology.Synthetic {
  var rateText: String { ratePerSecond.map { "\($0) ticks/s" } ?? "as fast as possible" }
}

extension Topology.Recorded {
  var speedText: String {
    guard let speedMilli else { return "max" }
    let fraction = speedMilli % 1000
    return "\(speedMilli / 1000)" + (fraction == 0 ? "" : ".\(String(1000 + fraction).dropFirst())")
  }
}
