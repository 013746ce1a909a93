// Bugs of the transactional writer that a debug build can be told to have, so that tests show that they would be found.

#if PLANTED_BUGS
  package enum KafkaPlantedBug: String, Sendable, CaseIterable {
    /// What an aborted transaction held is taken for committed.
    case noRewind
    /// Commits go on in the name of a member that the group has let go.
    case staleGroupMetadata
    /// A producer goes on after a request that was not answered in time.
    case reusedProducer
    /// The last record's offset is committed, not the next one's.
    case offsetOffByOne
  }
#endif
