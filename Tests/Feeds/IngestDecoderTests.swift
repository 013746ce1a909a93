// Request bodies, good and bad, against what is accepted and what is said about the rest.

import Codecs
import Core
import Events
import Feeds
import Testing

@Suite struct IngestDecoderTests {
  /// 2026-01-01T00:00:00Z.
  private static let now = Timestamp(nanos: 1_767_225_600_000_000_000)

  private static func decode(
    _ body: [UInt8], _ format: IngestFormat? = nil, instruments: [String]? = nil, recordsMax: Int = 1000
  ) -> IngestResult {
    let span = body.span.bytes
    return IngestDecoder(instruments: instruments, recordsMax: recordsMax)
      .decode(span, format: format ?? IngestFormat(contentType: nil, body: span), now: now)
  }

  private static func lines(_ result: IngestResult) -> [String] {
    result.ticks.map { "\($0.source) \($0.text)" }
      + result.errors.map { error in
        let line = error.line.map { ", line \($0)" } ?? ""
        let field = error.field.map { " \($0)" } ?? ""
        return "error in record \(error.index)\(line):\(field) \(error.message)"
      }
  }

  /// In the fixtures `⏎` stands for a newline.
  @Test func bodies() throws {
    try Snapshot.check("ingest/bodies.txt") { input in
      let body = [UInt8](input.replacing("⏎", with: "\n").utf8)
      return Self.lines(Self.decode(body, instruments: ["BTC/USD", "ETH/USD", "X/Y"]))
    }
  }

  private static let good = #"{"instrument":"BTC/USD","source":"x","price":1}"#

  @Test func textThatIsNotUTF8IsOneRecordsFault() {
    var body = [UInt8](Self.good.utf8) + [10]
    body += [UInt8](#"{"instrument":"BTC/USD","source":""#.utf8) + [0xff, 0xfe] + [UInt8](#"","price":1}"#.utf8) + [10]
    body += [UInt8](Self.good.utf8)
    let result = Self.decode(body)
    #expect(result.ticks.count == 2 && result.recordCount == 3)
    #expect(result.errors.map(\.index) == [1] && result.errors.map(\.line) == [2])
    #expect(result.errors.first?.message == "malformed JSON at byte 82: text that is not UTF-8")
  }

  @Test func oneRecordTooManyIsNamed() {
    let lines = Self.decode([UInt8]([Self.good, Self.good, Self.good].joined(separator: "\n").utf8), recordsMax: 2)
    let array = Self.decode(
      [UInt8]("[\([Self.good, Self.good, Self.good].joined(separator: ","))]".utf8), recordsMax: 2)
    for result in [lines, array] {
      #expect(result.ticks.count == 2 && result.errorCount == 1)
      #expect(result.errors.first?.index == 2)
      #expect(result.errors.first?.message.contains("more than 2 records") == true)
    }
    let full = Self.decode([UInt8]("[\(Self.good),\(Self.good)]".utf8), recordsMax: 2)
    #expect(full.ticks.count == 2 && full.errorCount == 0)
  }

  @Test func errorsAreDescribedUpToALimitAndCountedBeyond() {
    let body = [UInt8](String(repeating: "{}\n", count: 500).utf8)
    let result = Self.decode(body, .lines)
    #expect(result.errors.count == Limits.ingestErrorsMax && result.errorCount == 500 && result.recordCount == 500)
  }

  @Test func mediaTypesDecideTheFormatAndTheBodyWhereTheyDoNot() {
    let object = [UInt8](Self.good.utf8)
    let pretty = [UInt8]("{\n\"instrument\":\"BTC/USD\"\n}".utf8)
    #expect(IngestFormat(contentType: "application/json; charset=utf-8", body: object.span.bytes) == .json)
    #expect(IngestFormat(contentType: "application/x-ndjson", body: pretty.span.bytes) == .lines)
    #expect(IngestFormat(contentType: "Application/JSONL", body: pretty.span.bytes) == .lines)
    #expect(IngestFormat(contentType: "application/x-www-form-urlencoded", body: pretty.span.bytes) == .json)
    #expect(IngestFormat(contentType: nil, body: object.span.bytes) == .lines)
    #expect(IngestFormat(contentType: "text/plain", body: [UInt8](" [".utf8).span.bytes) == .json)
  }

  @Test func exactDecimalsSurvive() {
    for text in ["0.000000000000000001", "99999999999999.999999999999999999", "9.121E-7", "1e15", "12.50"] {
      for form in [text, "\"\(text)\""] {
        let result = Self.decode([UInt8](#"{"instrument":"X/Y","source":"x","price":\#(form)}"#.utf8))
        let expected = [UInt8](text.utf8)
        #expect(result.ticks.first?.price.raw == (try? DecimalText.parse(expected.span.bytes, scale: 18)), "\(form)")
      }
    }
  }

  @Test func timesAreBoundedToTheNanosecond() {
    func accepted(_ time: String) -> Bool {
      let body = #"{"instrument":"X/Y","source":"x","price":1,"eventTime":\#(time)}"#
      return Self.decode([UInt8](body.utf8)).errorCount == 0
    }
    let millis = Self.now.millis
    #expect(accepted("\(millis + 60_000)") && !accepted("\(millis + 60_001)"))
    #expect(accepted("\"2026-01-01T00:01:00Z\"") && !accepted("\"2026-01-01T00:01:00.000000001Z\""))
    #expect(accepted("\"2009-01-03T18:15:05Z\"") && !accepted("\"2009-01-03T18:15:04.999999999Z\""))
    #expect(!accepted("9223372036854775807") && !accepted("-9223372036854775808") && !accepted("1e30"))
  }
}
