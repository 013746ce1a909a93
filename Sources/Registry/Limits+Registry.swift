// The bounds of what is asked of a schema registry, with their reasons.

internal import Core

extension Limits {
  enum Registry {
    /// How long it may take to connect, names and TLS included: well above a round trip around the world.
    static let connectMillis = 5000
    /// How long a whole request may take: a registry writes to a Kafka topic of its own before it answers.
    static let requestMillis = 15_000
    /// Longest answer: a schema of ours is a few kilobytes, and comes back with some more around it.
    static let answerBytesMax = 256 << 10
    /// How often it is asked, if it does not answer or cannot: with the pauses between, 31 s and more, in which a
    /// registry that starts together with this process comes up.
    static let attemptsMax = 8
    /// The pause after the first attempt; each further one is twice as long.
    static let pauseNanosMin: Int64 = 250_000_000
    /// How long it takes to notice that the process shall stop: well within the 2 s of Ctrl-C.
    static let stopCheckMillis: Int32 = 100
    /// How much of a registry's own words is repeated.
    static let messageCharactersMax = 300
  }
}
