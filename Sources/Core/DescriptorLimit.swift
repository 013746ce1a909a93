// The number of files and sockets that the process may hold.

internal import CPlatform

/// RLIMIT_NOFILE: the soft limit counts; the hard one is how far the process may raise it by itself.
package struct DescriptorLimit: Sendable, Equatable {
  package let soft: UInt
  package let hard: UInt

  package static func current() -> DescriptorLimit {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      return DescriptorLimit(soft: 1024, hard: 1024)
    }
    return DescriptorLimit(soft: limit.rlim_cur, hard: limit.rlim_max)
  }

  /// Raises the soft limit to the hard one; returns what is now in force.
  @discardableResult
  package static func raise() -> DescriptorLimit {
    let known = current()
    var wanted = rlimit(rlim_cur: known.hard, rlim_max: known.hard)
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &wanted)
    return current()
  }
}
