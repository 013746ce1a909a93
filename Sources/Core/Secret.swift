// A password or key that no log line, error or dump may show.

/// Text whose every description is `(secret)`.
package struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// For the C library that logs in with it alone.
  package let revealed: String

  package init(_ text: String) { revealed = text }

  package var description: String { "(secret)" }
  package var debugDescription: String { "(secret)" }
  package var customMirror: Mirror { Mirror(self, children: []) }
}
