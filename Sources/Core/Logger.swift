// What the process says about itself to the person who runs it: one line to an event, on stderr.

internal import CPlatform
internal import Codecs

package enum LogLevel: Int, Comparable, Sendable, CaseIterable {
  case debug
  case info
  case warning
  case error

  package var name: String {
    switch self {
    case .debug: "debug"
    case .info: "info"
    case .warning: "warn"
    case .error: "error"
    }
  }

  package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}

/// Writes lines such as `time=2026-11-21T03:29:33.125Z level=info msg="log opened" partitions=4`. Never pass it a
/// secret. Safe to use from any thread: a line is one write.
package struct Logger: Sendable {
  package enum Format: Sendable {
    /// `key=value`, values quoted where they need it.
    case logfmt
    /// One JSON object a line.
    case json
  }

  package let minimum: LogLevel
  package let format: Format
  private let nowNanos: @Sendable () -> Int64
  private let output: @Sendable ([UInt8]) -> Void

  /// `output` gets a whole line, with its newline; by default it goes to stderr.
  package init(
    minimum: LogLevel = .info, format: Format = .logfmt, clock: some Clock = SystemClock(),
    output: @escaping @Sendable ([UInt8]) -> Void = Logger.toStandardError
  ) {
    self.minimum = minimum
    self.format = format
    nowNanos = { clock.wallNanos() }
    self.output = output
  }

  /// Says nothing: for tests and for tools whose output is data.
  package static let silent = Logger(minimum: .error, output: { _ in })

  package static let toStandardError: @Sendable ([UInt8]) -> Void = { line in
    // A partial write is not repeated: stderr may be a pipe that nobody reads, and no log line is worth a stall.
    _ = unsafe line.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
  }

  package func debug(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) { log(.debug, message, fields) }
  package func info(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) { log(.info, message, fields) }
  package func warning(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) {
    log(.warning, message, fields)
  }
  package func error(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) { log(.error, message, fields) }

  package func log(_ level: LogLevel, _ message: String, _ fields: KeyValuePairs<String, String> = [:]) {
    guard level >= minimum else { return }
    // Milliseconds are enough for a person, and keep the column's width.
    let time = RFC3339.text(nanos: nowNanos() / 1_000_000 * 1_000_000)
    var line = ByteWriter(capacity: 256)
    switch format {
    case .logfmt:
      line.append(utf8: "time=\(time) level=\(level.name) msg=")
      Self.appendLogfmt(message, to: &line)
      for (name, value) in fields {
        line.append(utf8: " \(name)=")
        Self.appendLogfmt(value, to: &line)
      }
    case .json:
      line.append(utf8: "{\"time\":\"\(time)\",\"level\":\"\(level.name)\",\"msg\":")
      Self.appendQuoted(message, to: &line)
      for (name, value) in fields {
        line.append(utf8: ",\"\(name)\":")
        Self.appendQuoted(value, to: &line)
      }
      line.append(utf8: "}")
    }
    line.append(UInt8(ascii: "\n"))
    output(line.copy())
  }

  private static func appendLogfmt(_ value: String, to line: inout ByteWriter) {
    let plain = value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != 0x22 && $0 != 0x3d && $0 != 0x5c }
    if plain && !value.isEmpty { line.append(utf8: value) } else { appendQuoted(value, to: &line) }
  }

  /// JSON's quoting serves logfmt too: no line can be forged by a newline in a value.
  private static func appendQuoted(_ value: String, to line: inout ByteWriter) {
    line.append(UInt8(ascii: "\""))
    for byte in value.utf8 {
      switch byte {
      case 0x22: line.append(utf8: "\\\"")
      case 0x5c: line.append(utf8: "\\\\")
      case 0x0a: line.append(utf8: "\\n")
      case 0x0d: line.append(utf8: "\\r")
      case 0x09: line.append(utf8: "\\t")
      case 0..<0x20, 0x7f:
        line.append(utf8: "\\u00")
        line.append(hexDigit(byte >> 4))
        line.append(hexDigit(byte & 15))
      default: line.append(byte)
      }
    }
    line.append(UInt8(ascii: "\""))
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
