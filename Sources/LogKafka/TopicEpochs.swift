// Which history of a topic the cluster holds.

internal import Core

/// Tells the epoch of a topic, which changes when it was deleted and created anew: see `TopicRules`.
struct TopicEpochs: Sendable {
  let cluster: String
  let questions: QuestionsHandle
  /// False only where no broker can tell how a topic is set.
  let readsTopicSettings: Bool

  /// Asks the brokers. `isMarked`: it would change.
  func epoch(of topic: String) throws(KafkaError) -> (value: UInt32, isMarked: Bool) {
    guard readsTopicSettings else { return (TopicRules.epoch(cluster: cluster, topic: topic, marker: nil), true) }
    let found = try questions.settings(of: topic).all
    let marker = TopicRules.marker(inRetentionBytes: found["retention.bytes"])
    return (TopicRules.epoch(cluster: cluster, topic: topic, marker: marker), marker != nil)
  }

  /// Has the partitions of topics that were created anew begin again.
  func renew(_ partitions: [KafkaPartition]) throws(KafkaError) {
    for (topic, parts) in Dictionary(grouping: partitions, by: \.topic) {
      let epoch = try epoch(of: topic).value
      for partition in parts where partition.epoch != epoch {
        let start = try questions.offset(of: topic, partition.index, at: QuestionsHandle.beginning)
        let end = try questions.offset(of: topic, partition.index, at: QuestionsHandle.end)
        partition.beginAgain(epoch: epoch, offsets: start..<max(start, end))
      }
    }
  }
}
