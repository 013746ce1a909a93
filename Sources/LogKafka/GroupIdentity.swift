// In whose name positions are committed.

internal import CKafka

/// The consumer group that owns the positions. Where a `GroupMembership` deals out the partitions, the brokers check
/// with each commit that this process is still a member of the generation that it was dealt them in; with partitions
/// given by hand there is nothing to check, and the transactional id alone shuts out who came before.
@safe enum GroupIdentity: Sendable {
  case named(String)
  case member(GroupMembership)
  #if PLANTED_BUGS
    /// What is left of a member's metadata when it is kept for too long.
    case formerMember(String)
  #endif

  /// `body` with the group's metadata of this moment: never kept, since it goes out of date with each rebalance.
  func withMetadata(_ body: (OpaquePointer?) throws(KafkaError) -> Void) throws(KafkaError) {
    let metadata =
      switch self {
      case .named(let name): unsafe rd_kafka_consumer_group_metadata_new(name)
      case .member(let membership): unsafe membership.metadata()
      #if PLANTED_BUGS
        case .formerMember(let name): unsafe rd_kafka_consumer_group_metadata_new(name)
      #endif
      }
    defer { if let metadata = unsafe metadata { unsafe rd_kafka_consumer_group_metadata_destroy(metadata) } }
    guard unsafe metadata != nil else {
      throw KafkaError(.abortable, code: "UNKNOWN_MEMBER_ID", reason: "this process is in no group now")
    }
    try unsafe body(metadata)
  }
}
