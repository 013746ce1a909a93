// What of the system this process is.

/// A part of the system that a process may leave to others, where the log is Kafka's.
enum Role: String, CaseIterable, Sendable {
  /// Brings events in, and says that time passes.
  case feeds
  /// Folds partitions.
  case processors
  /// Serves clients. Without it, only `/healthz`, `/readyz`, `/version` and `/metrics` are served.
  case edge
}

/// Which partitions this process folds.
enum PartitionShare: Equatable, Sendable {
  case all
  /// Those that the consumer group deals to it.
  case dealt
  case some([Int])

  /// `0-3`, `1,5` or both; `group` for those dealt out.
  init?(text: String, count: Int) {
    if text == "group" {
      self = .dealt
      return
    }
    var indexes: Set<Int> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first >= 0,
        first <= last, last < count
      else { return nil }
      indexes.formUnion(first...last)
    }
    self = .some(indexes.sorted())
  }

  var text: String {
    switch self {
    case .all: "all"
    case .dealt: "group"
    case .some(let indexes): indexes.map(String.init).joined(separator: ",")
    }
  }
}

extension Topology {
  mutating func setRoles(_ text: String) throws {
    let names = text.split(separator: ",").map(String.init)
    let roles = names.compactMap(Role.init)
    guard !roles.isEmpty, roles.count == names.count else {
      let known = Role.allCases.map(\.rawValue).joined(separator: ", ")
      throw CommandFailure(code: .usage, message: "--roles \(text): it must be some of \(known), with commas")
    }
    self.roles = Set(roles)
  }

  mutating func setShare(_ text: String) throws {
    guard let share = PartitionShare(text: text, count: log.partitions) else {
      throw CommandFailure(
        code: .usage,
        message: "--partitions \(text): it must be group, or partitions such as 0-3 or 0,2, below log.partitions, "
          + "which is \(log.partitions)")
    }
    self.share = share
  }

  /// On the embedded log one process is everything.
  func checkRoles() throws {
    guard log.kafka == nil, roles != Set(Role.allCases) || share != .all else { return }
    throw CommandFailure(
      code: .usage,
      message: "--roles and --partitions spread the system over processes, which takes Kafka: the embedded log belongs "
        + "to one process (--log kafka)")
  }
}
