// Values that are stored otherwise than they are handled: the text is as released, and nothing is lost on the way.

import Codecs
import Events
import Foundation
import Kit
import Testing

@Suite struct ValueEncodingTests {
  /// Every golden event: topic, case, value.
  private static let events = GoldenFiles.lines("events.txt").map { line in
    let parts = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    return (topic: parts[0], name: parts[1], value: Hexadecimal.bytes(parts[3]))
  }

  private static func encoding(_ topic: String, _ form: ValueEncoding.Form) throws -> ValueEncoding {
    let topic = try #require(Topic.all.first { $0.name == topic })
    return try #require(topic.encoding(form))
  }

  private static func stored(_ value: [UInt8], _ encoding: ValueEncoding) -> [UInt8] {
    var output = ByteWriter()
    encoding.store(value.span.bytes, into: &output)
    return output.copy()
  }

  private static func loaded(_ value: [UInt8], _ encoding: ValueEncoding) -> [UInt8] {
    var output = ByteWriter()
    encoding.load(value.span.bytes, into: &output)
    return output.copy()
  }

  @Test func theTextIsTheGoldenOne() throws {
    let lines = try Self.events.map { event in
      let text = Self.stored(event.value, try Self.encoding(event.topic, .json))
      return "\(event.topic) \(event.name) \(String(decoding: text, as: UTF8.self))"
    }
    if GoldenFiles.isUpdating { try GoldenFiles.write(lines, to: "texts.txt") }
    #expect(GoldenFiles.lines("texts.txt") == lines)
    for (line, event) in zip(GoldenFiles.lines("texts.txt"), Self.events) {
      let text = line.split(separator: " ", maxSplits: 2)[2]
      #expect(Self.loaded(Array(text.utf8), try Self.encoding(event.topic, .json)) == event.value, "\(line)")
    }
  }

  /// Whatever is handed in comes out again, also what is no value of the schema.
  @Test(arguments: [ValueEncoding.Form.json, .avro(id: 70_000), .avro(id: 1)])
  func everyValueComesBack(form: ValueEncoding.Form) throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(seed: seed)
    for event in Self.events {
      let encoding = try Self.encoding(event.topic, form)
      for _ in 0..<400 {
        var value = event.value
        for _ in 0..<Int.random(in: 0...2, using: &random) {
          switch Int.random(in: 0...3, using: &random) {
          case 0: value[Int.random(in: 0..<value.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
          case 1:
            value.insert(UInt8.random(in: 0...255, using: &random), at: Int.random(in: 0..<value.count, using: &random))
          case 2: if value.count > 1 { value.remove(at: Int.random(in: 0..<value.count, using: &random)) }
          default: value.append(0)
          }
        }
        #expect(Self.loaded(Self.stored(value, encoding), encoding) == value, "seed \(seed)")
      }
    }
    let empty = try Self.encoding(Topic.ticks.name, form)
    #expect(Self.loaded(Self.stored([], empty), empty) == [])
  }

  /// What others write need not be as ours: any order, white space, numbers in any form, null left out.
  @Test func textOfOthersIsRead() throws {
    let encoding = try Self.encoding(Topic.ticks.name, .json)
    let text = #"""
      { "sequence" : 91022111, "volume":1.5e-3, "price":"x", "source":"coin\u0062ase",
        "appendTime":1700000000124000000, "eventTime":1700000000123456789, "side":"sell", "kind":"trade" }
      """#
    let good = text.replacing("\"x\"", with: "65000.120")
    #expect(Self.loaded(Array(good.utf8), encoding) == Self.events[0].value)
    let quote = good.replacing("\"sequence\" : 91022111, ", with: "")
    #expect(Self.loaded(Array(quote.utf8), encoding).last == 0)
    for wrong in [
      text, good + "}", good.replacing("kind", with: "kin"), good.replacing("\"side\":\"sell\", ", with: ""),
      good.replacing("{ ", with: "{\"kind\":\"gap\","), good.replacing("sell", with: "give"),
      good.replacing("91022111", with: "9102.2111"), good.replacing("91022111", with: "9223372036854775808"),
    ] {
      #expect(Self.loaded(Array(wrong.utf8), encoding) == Array(wrong.utf8), "\(wrong)")
    }
  }

  /// With another id, neither a value nor what only looks like one can be mistaken.
  @Test func idsChangePlaces() throws {
    let encoding = try Self.encoding(Topic.ticks.name, .avro(id: 9))
    let tick = Self.events[0].value
    #expect(Self.stored(tick, encoding) == [0, 0, 0, 0, 9] + tick[5...])
    #expect(Self.loaded(tick, encoding) == [0, 0, 0, 0, 9] + tick[5...])
    #expect(Self.loaded([0, 0, 0, 0, 3, 1], encoding) == [0, 0, 0, 0, 3, 1])
    #expect(encoding.translates)
    #expect(try !Self.encoding(Topic.ticks.name, .avro(id: 1)).translates)
  }

  /// The records as data are those of schemas/*.avsc.
  @Test(arguments: Topic.all) func recordsAreTheSchemas(topic: Topic) throws {
    let file = GoldenFiles.root.appending(path: "schemas/\(topic.name).avsc")
    let schema = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    let record = try #require(topic.schema)
    #expect(Self.text(.records(record)) == "[\(Self.text(schema))]")
  }

  private static func text(_ type: AvroType) -> String {
    switch type {
    case .boolean: "boolean"
    case .int: "int"
    case .long: "long"
    case .string: "string"
    case .bytes: "bytes"
    case .decimal(let scale): "decimal \(scale)"
    case .enumeration(let symbols): "enum \(symbols.map(\.description))"
    case .optional(let type): "\(text(type))?"
    case .records(let record): "[{\(record.fields.map { "\($0.name): \(text($0.type))" }.joined(separator: ", "))}]"
    }
  }

  /// The same of a schema in JSON.
  private static func text(_ type: Any) -> String {
    if let name = type as? String { return name }
    if let union = type as? [Any] { return union.first as? String == "null" ? "\(text(union[1]))?" : "?" }
    guard let type = type as? [String: Any] else { return "?" }
    switch type["type"] as? String {
    case "record":
      let fields = type["fields"] as? [[String: Any]] ?? []
      return "{\(fields.map { "\($0["name"] ?? ""): \(text($0["type"] ?? ""))" }.joined(separator: ", "))}"
    case "array": return "[\(text(type["items"] ?? ""))]"
    case "enum": return "enum \(type["symbols"] as? [String] ?? [])"
    case "bytes" where type["logicalType"] as? String == "decimal": return "decimal \(type["scale"] ?? "")"
    case let name: return name ?? "?"
    }
  }
}
