// The person's terminal: data to stdout, messages and progress to stderr.

import Glibc

enum Console {
  static func print(_ text: String) { write(text, to: 1) }
  static func message(_ text: String) { write(text, to: 2) }
  static func error(_ text: String) { write("millrace: \(text)\n", to: 2) }

  static let isInteractive = isatty(2) == 1

  /// False once the reader of stdout has gone away, such as `head`.
  @discardableResult static func write(_ text: String, to descriptor: Int32) -> Bool {
    var text = text
    return text.withUTF8 { unsafe write(UnsafeRawBufferPointer($0), to: descriptor) }
  }

  @discardableResult static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
    var done = 0
    while done < bytes.count {
      let written = unsafe Glibc.write(descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done)
      if written < 0 {
        if errno == EINTR { continue }
        return false
      }
      done += written
    }
    return true
  }
}

/// Progress with rate and time left: one line rewritten on a terminal, one line every five seconds elsewhere.
struct ProgressLine {
  private let label: String
  private let unit: String
  private let startNanos: Int64
  private var lastNanos: Int64 = 0

  init(label: String, unit: String, nowNanos: Int64) {
    self.label = label
    self.unit = unit
    startNanos = nowNanos
    lastNanos = nowNanos
  }

  /// Shows `done` of `total` (nil: unknown), not more often than is useful.
  mutating func update(done: Int64, total: Int64?, nowNanos: Int64) {
    let pauseNanos: Int64 = Console.isInteractive ? 200_000_000 : 5_000_000_000
    guard nowNanos - lastNanos >= pauseNanos else { return }
    lastNanos = nowNanos
    let line = text(done: done, total: total, nowNanos: nowNanos)
    Console.message(Console.isInteractive ? "\r\u{1b}[K\(line)" : "\(line)\n")
  }

  func clear() { if Console.isInteractive { Console.message("\r\u{1b}[K") } }

  func text(done: Int64, total: Int64?, nowNanos: Int64) -> String {
    let elapsedMillis = max(1, (nowNanos - startNanos) / 1_000_000)
    let rate = done * 1000 / elapsedMillis
    var text = "\(label) \(done) \(unit), \(rate)/s"
    if let total, total > 0, rate > 0 {
      text += ", \(min(100, done * 100 / total)) %, \(max(0, total - done) / rate) s left"
    }
    return text
  }
}
