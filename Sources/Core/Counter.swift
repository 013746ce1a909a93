// A number that only grows.

package import Synchronization

/// A monotonic count; adding is one relaxed atomic instruction.
package final class Counter: Sendable {
  @usableFromInline let storage = Atomic<UInt64>(0)

  package init() {}

  @inlinable package func add(_ count: Int = 1) {
    storage.wrappingAdd(UInt64(truncatingIfNeeded: count), ordering: .relaxed)
  }

  @inlinable package var value: UInt64 { storage.load(ordering: .relaxed) }
}
