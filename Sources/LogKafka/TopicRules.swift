// How a topic must be set on Kafka so that no event is lost in silence, and what tells one topic from its successor.

internal import Codecs
internal import Log

/// Pure: what to create, and what to say of what exists.
///
/// **Retention.** Kafka deletes by the records' timestamps, which here are event times: what is replayed, copied or
/// recorded long ago would be deleted within minutes of being written. So topics are created with `retention.ms=-1`
/// unless the topology sets one, and an existing topic that keeps less than the topology wants is refused.
///
/// **Epoch.** A position is only worth something within one history. Kafka's own topic id would tell a topic from one
/// of the same name that was created after it was deleted, but librdkafka shows it from 2.3 on only, and with Debian
/// 12's 2.0.2 nothing else that the brokers tell is different. A topic has no field for our own use either, except a
/// bound that nothing reaches: `retention.bytes` is set to 2^62 and a random number of 32 bits, the topic's marker.
/// Deleting the topic deletes it. The epoch is a checksum of the cluster's id, the topic's name and this marker; a
/// topic without one (not created by Millrace, or given another `retention.bytes`) has an epoch too, but its successor
/// has the same.
enum TopicRules {
  private static let markerBit: Int64 = 1 << 62

  /// The marker in a `retention.bytes`, if that holds one.
  static func marker(inRetentionBytes text: String?) -> UInt32? {
    guard let text, let value = Int64(text), value & markerBit == markerBit else { return nil }
    return UInt32(exactly: value - markerBit)
  }

  static func epoch(cluster: String, topic: String, marker: UInt32?) -> UInt32 {
    var writer = ByteWriter()
    writer.append(utf8: cluster)
    writer.append(UInt8(0))
    writer.append(utf8: topic)
    writer.append(UInt8(0))
    if let marker { writer.append(bigEndian: marker) }
    // 0 stands for no epoch elsewhere.
    return max(1, CRC32C.checksum(writer.bytes))
  }

  /// What a new topic is created with.
  static func settings(
    for topic: TopicSettings, marker: UInt32, minInsyncReplicas: Int? = nil
  ) -> [(key: String, value: String)] {
    let policy = topic.policy
    var settings = [
      ("retention.ms", "\(policy.retentionMillis ?? -1)"),
      ("retention.bytes", "\(policy.retentionBytes ?? (markerBit | Int64(marker)))"),
      // Time look-ups, windows and Kafka Streams go by the event time.
      ("message.timestamp.type", "CreateTime"),
      // Kafka 4 refuses what is an hour ahead of its clock; whether a time is possible, the folds decide.
      ("message.timestamp.after.max.ms", "\(Int64.max)"),
      ("message.timestamp.before.max.ms", "\(Int64.max)"),
      // As the producer packed them: the brokers need not pack again.
      ("compression.type", "producer"),
    ]
    if let compaction = policy.compaction {
      settings.append(("cleanup.policy", policy.retentionMillis == nil ? "compact" : "compact,delete"))
      settings.append(("min.compaction.lag.ms", "\(compaction.afterMillis)"))
      settings.append(("delete.retention.ms", "\(compaction.tombstoneMillis)"))
      settings.append(("min.cleanable.dirty.ratio", ratio(compaction.dirtyPercent)))
    } else {
      settings.append(("cleanup.policy", "delete"))
    }
    if let millis = policy.segmentMillis { settings.append(("segment.ms", "\(millis)")) }
    if let minInsyncReplicas { settings.append(("min.insync.replicas", "\(minInsyncReplicas)")) }
    return settings
  }

  /// Per cent as a decimal fraction.
  private static func ratio(_ percent: Int) -> String {
    percent >= 100 ? "1.0" : "0." + (percent < 10 ? "0" : "") + "\(max(0, percent))"
  }

  /// Why the existing topic, set as `found`, would lose events that `topic` is to keep; nil if it would not.
  static func danger(in found: [String: String], for topic: TopicSettings) -> String? {
    let policy = topic.policy
    let cleanup = (found["cleanup.policy"] ?? "delete").split(separator: ",")
    if cleanup.contains("compact"), policy.compaction == nil {
      return remedy(
        topic, "cleanup.policy=\(found["cleanup.policy"] ?? "")", "deletes older records of a key")
    }
    if cleanup.contains("delete") {
      if let millis = found["retention.ms"].flatMap({ Int64($0) }), millis >= 0,
        policy.retentionMillis.map({ millis < $0 }) ?? true
      {
        return remedy(topic, "retention.ms=\(millis)", "deletes events by their event time")
      }
      if let bytes = found["retention.bytes"].flatMap({ Int64($0) }), bytes >= 0, bytes < markerBit,
        policy.retentionBytes.map({ bytes < $0 }) ?? true
      {
        return remedy(topic, "retention.bytes=\(bytes)", "deletes the oldest")
      }
    }
    if let kind = found["message.timestamp.type"], kind != "CreateTime" {
      return remedy(topic, "message.timestamp.type=\(kind)", "replaces the event time")
    }
    return nil
  }

  private static func remedy(_ topic: TopicSettings, _ setting: String, _ effect: String) -> String {
    "topic \(topic.name) has \(setting), which \(effect), and the topology does not say so: "
      + "`millrace topics plan` shows what differs, `millrace topics apply` puts it right"
  }
}
