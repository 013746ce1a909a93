// What the process says by its exit status; the numbers are those of sysexits(3).

/// Documented in `millrace --help` and the README.
public enum ExitCode: Int32, Error, Sendable, CaseIterable {
  case success = 0
  /// The command worked and what it looked for is wrong: `verify` found a difference.
  case difference = 1
  /// The command line is not understood.
  case usage = 64
  /// A file's content is wrong: the topology, or damaged data.
  case badData = 65
  /// A file or directory is missing.
  case missingInput = 66
  /// An address cannot be bound, or a service is not there.
  case unavailable = 69
  /// A defect in Millrace itself.
  case software = 70
  /// Reading or writing failed.
  case inputOutput = 74
  /// Something else holds what is needed, such as the lock of the data directory: try again later.
  case temporary = 75

  var meaning: String {
    switch self {
    case .success: "success"
    case .difference: "the check found a difference"
    case .usage: "the command line is not understood"
    case .badData: "the topology file or the stored data is wrong"
    case .missingInput: "a file or directory is missing"
    case .unavailable: "an address or service is not available"
    case .software: "a defect in millrace"
    case .inputOutput: "reading or writing failed"
    case .temporary: "the data directory is in use by another process"
    }
  }
}

/// Ends a command with one message for the person and a status for the script.
struct CommandFailure: Error {
  var code: ExitCode
  var message: String
}
