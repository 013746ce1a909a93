// The bounds of `/v1/stream`.

extension Limits {
  package enum Stream {
    /// Largest message of a client: subscribing to every key it may name takes less.
    package static let messageBytesMax = 64 << 10
    /// Messages of a client a second, in the long run; a person and a page need far fewer.
    package static let messagesPerSecond = 10
    /// Messages that may come at once, such as the subscriptions of a page that opens.
    package static let messagesBurst = 100
    /// Subscriptions of one socket: each costs some hundred bytes and a look at every flush.
    package static let subscriptionsMax = 1_024
    /// Keys that one subscription may name; more is better served by `*`.
    package static let keysMax = 1_024
    /// Longest `id` of a subscription: it is repeated in every frame about it.
    package static let idBytesMax = 64
    /// Silence after which the server asks with a ping.
    package static let pingIntervalNanos: Int64 = 25_000_000_000
    /// Pings without an answer after which the client is taken for gone.
    package static let pingsMissedMax = 2
    /// How often a subscription tells how far it is.
    package static let progressIntervalNanos: Int64 = 1_000_000_000
    /// Size of a shared block of frames; about two hundred data frames. Also what a replay hands over at once.
    package static let blockBytes = 64 << 10
    /// Frames in a block: bounds the table beside it, at 24 bytes each.
    package static let blockFramesMax = 512
    /// Frames kept for live clients, per partition: a client may lag this much before it reads from the log.
    package static let ringBytesMax = 8 << 20
    /// Lag after which a `conflate` client is given the newest values only.
    package static let conflateLagBytes = 256 << 10
    /// Unsent control frames and rest of a data frame, per client; a client beyond is cut off.
    package static let outQueueBytesMax = 1 << 20
    /// The same over all clients.
    package static let outQueuesBytesMax = 256 << 20
    /// What the kernel may hold unsent for a client, so that a stalled one costs little and gets nothing stale.
    package static let kernelUnsentBytesMax = 128 << 10
    /// Bytes to one client in one turn, so that a fast one does not make the others wait.
    package static let turnBytesMax = 512 << 10
    /// Runs of bytes in one gathering write.
    package static let runsPerWriteMax = 64
    /// Log bytes that one piece of replay reads at most before others have their turn.
    package static let replayScanBytesMax = 4 << 20
    /// Log bytes read at once.
    package static let readBytes = 256 << 10
    /// Records between two snapshots of the previous positions, at least: what a replay scans before its first frame.
    package static let previousSpacingMin = 65_536
    /// Memory for the snapshots of one partition; beyond, every second one goes and the spacing doubles.
    package static let previousBytesMax = 32 << 20
    /// Clients of one process; further ones are told to come back later. Descriptors are the scarce thing.
    package static let clientsMax = 19_000
    /// Fastest and slowest replay, in thousandths of event time.
    package static let speedThousandths: ClosedRange<Int64> = 1...1_000_000_000
    /// How long a client that is being closed may take to read what was queued.
    package static let lingerNanos: Int64 = 3_000_000_000
    /// Shortest time between two flushes: in a burst a client gets one write per millisecond, not one per message.
    package static let flushIntervalNanos: Int64 = 1_000_000
  }
}
