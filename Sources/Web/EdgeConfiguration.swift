// What the composition root tells the edge.

package import Core
package import Events

/// The edge's settings and its ties to the rest of the process.
package struct EdgeConfiguration: Sendable {
  /// An address of IPv4 or IPv6, `localhost`, or `*`.
  package var host = "127.0.0.1"
  /// 0 lets the kernel choose; `EdgeServer.start()` returns what it chose.
  package var port: UInt16 = 8080
  /// Threads that serve connections.
  package var threads = 2
  /// Connections at a time from one address; 0 for no bound, as behind a proxy.
  package var connectionsPerAddressMax = 0
  /// Origins, beside the server's own, whose pages may open the WebSocket or call the API.
  package var allowedOrigins: [String] = []
  /// The keys that open ingest. With none, only clients on this machine may ingest.
  package var ingestKeys: [String] = []
  /// The ids in front of the Avro values of the topics; those without one are no subjects of the schema registry.
  package var schemaIDs = Dictionary(uniqueKeysWithValues: Topic.all.map { ($0, $0.schemaID) })
  /// With a list, ingest takes only these instruments.
  package var ingestInstruments: [String]?
  /// Bytes of the log that a question about the newest candles may read.
  package var newestCandleScanBytesMax = Limits.newestCandleScanBytesMax
  /// Whether the process is no edge, and tells only how it is doing.
  package var servesOperationsOnly = false
  package var version = "0"
  package var metrics = Metrics()
  package var logger = Logger.silent
  /// What must hold before `/readyz` says so: a name, and the reason why not yet, or nil. Must not block.
  package var readinessChecks: [(name: String, reason: @Sendable () -> String?)] = []
  /// Takes a socket whose WebSocket handshake was answered, and what was read from it already; owns both.
  package var adopt: (@Sendable (_ descriptor: Int32, _ initialBytes: [UInt8]) -> Void)?

  package init() {}
}
