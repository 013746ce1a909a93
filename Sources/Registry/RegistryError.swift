// Why a schema has no id.

package enum RegistryError: Error, Equatable, Sendable {
  /// The registry is out of reach, or its server cannot answer, and that did not pass: start again once it does.
  case unavailable(String)
  /// It will give the same answer each time: a person must act, and is told how.
  case refused(String)
  /// The process was told to stop meanwhile.
  case stopped
}
