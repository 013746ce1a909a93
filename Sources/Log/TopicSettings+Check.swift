// What every log demands of a topic before it creates it.

internal import Core

extension TopicSettings {
  /// `.invalidTopic` if no log can have a topic of this name or with so many partitions.
  package func check() throws(LogError) {
    guard (1...Limits.logTopicNameBytesMax).contains(name.utf8.count), name != ".", name != "..",
      name.utf8.allSatisfy({ byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      })
    else { throw .invalidTopic("'\(name)' is no topic name") }
    guard (1...Limits.logPartitionsMax).contains(partitions) else {
      throw .invalidTopic("\(partitions) partitions, not 1 to \(Limits.logPartitionsMax)")
    }
  }
}
