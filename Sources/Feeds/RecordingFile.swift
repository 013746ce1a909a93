// One file of a recording, read line by line.

import Core
internal import Glibc

/// Why a recording cannot be played.
package enum FeedError: Error, Equatable, Sendable {
  /// The directory or file is not there or not readable: nothing of it is played. The text says which and why.
  case unreadable(String)
  /// The directory holds no `<venue>.jsonl`: nothing is played.
  case noRecording(String)
}

extension FeedError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unreadable(let detail): detail
    case .noRecording(let directory):
      "\(directory) holds no recording; its files are named after venues, such as coinbase.jsonl"
    }
  }
}

/// Owns the descriptor and a buffer. Used by one thread.
final class RecordingFile {
  enum Line: Equatable {
    /// `withLine` has it.
    case text
    /// Longer than the limit, and passed over.
    case tooLong
    case end
  }

  let path: String
  let venue: Venue
  /// The number of the line last read, from 1.
  private(set) var lineNumber = 0
  private let descriptor: Int32
  private let lineBytesMax: Int
  private var buffer = [UInt8](repeating: 0, count: Limits.recordingReadBytes)
  private var filled = 0
  private var lineRange = 0..<0
  private var next = 0
  private var isAtEnd = false

  init(
    path: String, venue: Venue, lineBytesMax: Int = Limits.recordingLineBytesMax
  ) throws(FeedError) {
    self.lineBytesMax = lineBytesMax
    self.path = path
    self.venue = venue
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw Self.failure("open", path) }
  }

  deinit { close(descriptor) }

  /// Runs `body` with the line last read, without its end.
  func withLine<Result>(_ body: (RawSpan) -> Result) -> Result {
    unsafe buffer.withUnsafeBytes { bytes in
      let span = unsafe RawSpan(_unsafeBytes: bytes)
      return body(span.extracting(lineRange))
    }
  }

  var name: String { String(path[(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)...]) }

  /// Reads the next line that is not blank.
  func advance() throws(FeedError) -> Line {
    var isTooLong = false
    while true {
      let end = unsafe buffer.span.bytes.extracting(0..<filled).firstNewline(from: next)
      if end < filled || (isAtEnd && next < filled) {
        lineRange = next..<end
        next = min(end + 1, filled)
        lineNumber += 1
        if isTooLong { return .tooLong }
        if unsafe buffer.span.bytes.extracting(lineRange).isBlank { continue }
        return .text
      }
      if isAtEnd {
        if isTooLong { lineNumber += 1 }
        return isTooLong ? .tooLong : .end
      }
      if filled - next > lineBytesMax {
        isTooLong = true
        next = filled
      }
      try fill()
    }
  }

  /// Reads on, behind what is left of the buffer.
  private func fill() throws(FeedError) {
    let (from, left) = (next, filled - next)
    unsafe buffer.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      unsafe _ = memmove(base, base + from, left)
    }
    filled = left
    next = 0
    if filled == buffer.count { buffer.append(contentsOf: repeatElement(0, count: buffer.count)) }
    let count = buffer.count
    let start = filled
    let got = unsafe buffer.withUnsafeMutableBytes { bytes in
      while true {
        let got = unsafe read(descriptor, bytes.baseAddress.map { unsafe $0 + start }, count - start)
        if got >= 0 || errno != EINTR { return got }
      }
    }
    if got < 0 { throw Self.failure("read", path) }
    if got == 0 { isAtEnd = true }
    filled += got
  }

  private static func failure(_ action: String, _ path: String) -> FeedError {
    .unreadable("cannot \(action) \(path): \(unsafe String(cString: strerror(errno)))")
  }

  /// The recordings of a directory, by name. A file belongs to the venue that its name begins with:
  /// `coinbase.jsonl`, `coinbase-2021-04-17.jsonl`.
  static func list(_ directory: String) throws(FeedError) -> [(path: String, venue: Venue)] {
    guard let stream = unsafe opendir(directory) else { throw failure("read", directory) }
    defer { unsafe closedir(stream) }
    var found: [(path: String, venue: Venue)] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      guard name.hasSuffix(".jsonl"), let stem = name.split(whereSeparator: { ".-_".contains($0) }).first,
        let venue = Venue(rawValue: String(stem))
      else { continue }
      found.append((directory + "/" + name, venue))
    }
    if found.isEmpty { throw .noRecording(directory) }
    if found.count > Limits.recordingFilesMax {
      throw .unreadable("\(directory) holds more than \(Limits.recordingFilesMax) recordings")
    }
    return found.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
  }
}
