// Several recordings as one stream of frames, by the time of receipt.

import Codecs
import Core
import Events

/// Reads the files of a directory side by side and accounts for every line. Used by one thread.
final class RecordingMerge {
  private final class Source {
    let file: RecordingFile
    var mappers = VenueMappers()
    var frame = RecordedFrame()
    var isAtEnd = false

    init(_ file: RecordingFile) { self.file = file }
  }

  private(set) var report = FeedReport()
  private var sources: [Source] = []
  private var head: Source?

  init(directory: String) throws(FeedError) {
    for (path, venue) in try RecordingFile.list(directory) {
      sources.append(Source(try RecordingFile(path: path, venue: venue)))
      report.venues[venue] = VenueReport()
    }
    for source in sources { advance(source) }
    chooseHead()
  }

  /// The time of receipt of the next frame; nil at the end.
  var nextTime: Timestamp? { head?.frame.receivedAt }

  /// Maps the next frame, appends its ticks, and goes on.
  func play(into ticks: inout [Tick]) {
    guard let source = head else { return }
    let venue = source.file.venue
    if source.frame.isOutgoing {
      report.venues[venue, default: VenueReport()].outgoing += 1
    } else {
      let outcome = source.mappers.map(
        venue, unsafe source.frame.payload.span.bytes, isBinary: source.frame.isBinary,
        receivedAt: source.frame.receivedAt, into: &ticks)
      report.venues[venue, default: VenueReport()].note(outcome, at: Self.place(source))
    }
    advance(source)
    chooseHead()
  }

  /// Reads on to the next line that is a frame; lines that are none are reported.
  private func advance(_ source: Source) {
    while !source.isAtEnd {
      let rejection: FrameRejection?
      do throws(FeedError) {
        switch try source.file.advance() {
        case .end:
          source.isAtEnd = true
          return
        case .tooLong:
          rejection = FrameRejection(
            reason: "a line of more than \(Limits.recordingLineBytesMax) bytes",
            byteOffset: Limits.recordingLineBytesMax)
        case .text:
          rejection = source.file.withLine { line in
            do throws(FrameRejection) { try source.frame.read(line) } catch { return error }
            return nil
          }
        }
      } catch {
        report.failures.append(error.description)
        source.isAtEnd = true
        return
      }
      report.venues[source.file.venue, default: VenueReport()].lines += 1
      guard let rejection else { return }
      report.venues[source.file.venue, default: VenueReport()].note(.rejected(rejection), at: Self.place(source))
    }
  }

  /// The earliest frame; of several of one time that of the first file.
  private func chooseHead() {
    head = nil
    for source in sources where !source.isAtEnd {
      if let best = head, best.frame.receivedAt <= source.frame.receivedAt { continue }
      head = source
    }
  }

  private static func place(_ source: Source) -> String { "\(source.file.name), line \(source.file.lineNumber)" }
}
