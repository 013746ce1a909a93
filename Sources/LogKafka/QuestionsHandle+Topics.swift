// Topics as the brokers know them: which there are, how they are set, creating them and setting them otherwise.

internal import CKafka

/// A topic of the cluster.
package struct FoundTopic: Sendable, Equatable {
  package var partitions: Int
  /// Of the partition that has the fewest.
  package var replication: Int
  /// What is in force, by Kafka's names.
  package var settings: [String: String]
  /// Those of them that are set for this topic; the others are the brokers' defaults.
  package var own: Set<String>

  package init(partitions: Int, replication: Int, settings: [String: String], own: Set<String> = []) {
    self.partitions = partitions
    self.replication = replication
    self.settings = settings
    self.own = own
  }
}

extension QuestionsHandle {
  /// Creates a topic. False if there is one of this name already.
  func create(
    _ name: String, partitions: Int, replication: Int? = nil, settings: [(key: String, value: String)]
  ) throws(KafkaError) -> Bool {
    var text = [CChar](repeating: 0, count: 512)
    // -1: as many replicas as the brokers make by default.
    let replication = Int32(clamping: replication ?? -1)
    guard
      let topic = unsafe rd_kafka_NewTopic_new(name, Int32(clamping: partitions), replication, &text, text.count)
    else {
      throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, KafkaHandle.string(text))
    }
    defer { unsafe rd_kafka_NewTopic_destroy(topic) }
    for setting in settings { unsafe rd_kafka_NewTopic_set_config(topic, setting.key, setting.value) }
    let event = unsafe try ask(RD_KAFKA_ADMIN_OP_CREATETOPICS, "creating \(name)") { options, queue in
      var topics: [OpaquePointer?] = unsafe [topic]
      unsafe rd_kafka_CreateTopics(handle.raw, &topics, 1, options, queue)
    }
    defer { unsafe rd_kafka_event_destroy(event) }
    var count = 0
    let results = unsafe rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
    guard count == 1, let result = unsafe results?[0] else {
      throw KafkaError(RD_KAFKA_RESP_ERR__BAD_MSG, "creating \(name)")
    }
    let code = unsafe rd_kafka_topic_result_error(result)
    if code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS { return false }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      let says = unsafe rd_kafka_topic_result_error_string(result).map { unsafe String(cString: $0) }
      throw KafkaError(code, "creating \(name)").adding(says)
    }
    return true
  }

  /// The names of all topics but Kafka's own, with their partitions and replicas.
  func topics() throws(KafkaError) -> [String: (partitions: Int, replication: Int)] {
    var metadata: UnsafePointer<rd_kafka_metadata>?
    let code = unsafe rd_kafka_metadata(handle.raw, 1, nil, &metadata, Int32(clamping: timeoutMillis))
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata = unsafe metadata else {
      throw KafkaError(code, "asking for the topics")
    }
    defer { unsafe rd_kafka_metadata_destroy(metadata) }
    var found: [String: (partitions: Int, replication: Int)] = [:]
    for place in unsafe 0..<Int(metadata.pointee.topic_cnt) {
      guard let topic = unsafe metadata.pointee.topics?[place], unsafe topic.err == RD_KAFKA_RESP_ERR_NO_ERROR,
        let name = unsafe topic.topic
      else { continue }
      let partitions = unsafe UnsafeBufferPointer(start: topic.partitions, count: Int(topic.partition_cnt))
      let replication = unsafe partitions.map { unsafe Int($0.replica_cnt) }.min() ?? 0
      let text = unsafe String(cString: name)
      if !text.hasPrefix("__") { found[text] = (partitions.count, replication) }
    }
    return found
  }

  /// The settings in force for a topic, and which of them are its own.
  func settings(of name: String) throws(KafkaError) -> (all: [String: String], own: Set<String>) {
    let doing = "asking how \(name) is set"
    let resource = unsafe rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name)
    defer { unsafe rd_kafka_ConfigResource_destroy(resource) }
    let event = unsafe try ask(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, doing) { options, queue in
      var resources: [OpaquePointer?] = unsafe [resource]
      unsafe rd_kafka_DescribeConfigs(handle.raw, &resources, 1, options, queue)
    }
    defer { unsafe rd_kafka_event_destroy(event) }
    var count = 0
    let answer = unsafe rd_kafka_event_DescribeConfigs_result(event)
    let result = unsafe try Self.only(rd_kafka_DescribeConfigs_result_resources(answer, &count), count, doing)
    var all: [String: String] = [:]
    var own: Set<String> = []
    let entries = unsafe rd_kafka_ConfigResource_configs(result, &count)
    for place in 0..<count {
      guard let entry = unsafe entries?[place], let key = unsafe rd_kafka_ConfigEntry_name(entry),
        let value = unsafe rd_kafka_ConfigEntry_value(entry)
      else { continue }
      let name = unsafe String(cString: key)
      all[name] = unsafe String(cString: value)
      if unsafe rd_kafka_ConfigEntry_source(entry) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG { own.insert(name) }
    }
    return (all, own)
  }

  /// Gives a topic these settings of its own and no others: the only request that librdkafka 2.0.2 has for it. What
  /// somebody else sets between a look at the topic and this is lost.
  func replaceSettings(of name: String, with settings: [String: String]) throws(KafkaError) {
    let doing = "setting \(name)"
    let resource = unsafe rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name)
    defer { unsafe rd_kafka_ConfigResource_destroy(resource) }
    for (key, value) in settings { unsafe rd_kafka_ConfigResource_set_config(resource, key, value) }
    let event = unsafe try ask(RD_KAFKA_ADMIN_OP_ALTERCONFIGS, doing) { options, queue in
      var resources: [OpaquePointer?] = unsafe [resource]
      unsafe rd_kafka_AlterConfigs(handle.raw, &resources, 1, options, queue)
    }
    defer { unsafe rd_kafka_event_destroy(event) }
    var count = 0
    let answer = unsafe rd_kafka_event_AlterConfigs_result(event)
    _ = unsafe try Self.only(rd_kafka_AlterConfigs_result_resources(answer, &count), count, doing)
  }

  /// The one answer to a request about one topic.
  private static func only(
    _ results: UnsafeMutablePointer<OpaquePointer?>?, _ count: Int, _ doing: String
  ) throws(KafkaError) -> OpaquePointer {
    guard count == 1, let result = unsafe results?[0] else { throw KafkaError(RD_KAFKA_RESP_ERR__BAD_MSG, doing) }
    let code = unsafe rd_kafka_ConfigResource_error(result)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      let says = unsafe rd_kafka_ConfigResource_error_string(result).map { unsafe String(cString: $0) }
      throw KafkaError(code, doing).adding(says)
    }
    return unsafe result
  }
}
