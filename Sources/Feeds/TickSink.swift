// Where feeds put what they heard.

package import Events

/// Takes ticks, stamps their append time and makes them durable events. Safe to use from any thread.
package protocol TickSink: Sendable {
  /// Queues the ticks in order; blocks while the log is behind (back-pressure, not loss). `completion` runs once all
  /// of them are durable, with nil, or with the reason why some are not. It must not block.
  func send(_ ticks: [Tick], completion: (@Sendable (String?) -> Void)?)
}
