// The registry of metrics and its text form, the one that Prometheus scrapes.

package import Codecs
import Synchronization

/// All metrics of a process. Safe to use from any thread; registering the same name and labels twice returns the first.
///
/// Names carry base units (`_seconds`, `_bytes`) and counters end in `_total`. Labels are written in code, never taken
/// from clients, and the number of series is bounded by `Limits.metricSeriesMax`.
package final class Metrics: Sendable {
  private enum Source: Sendable {
    case counter(Counter)
    case reading(@Sendable () -> Double)
    case histogram(Histogram)
  }

  private struct Family: Sendable {
    let name: String
    let help: String
    let type: StaticString
    var series: [(labels: String, source: Source)] = []
  }

  private struct State: Sendable {
    var families: [Family] = []
    var seriesCount = 0
  }

  private let state = Mutex(State())
  /// Series that were refused because there are too many: any value but zero is a bug.
  private let refused = Counter()

  package init() {
    register(name: "millrace_metric_series_refused_total", help: "Series beyond the limit.", type: "counter", [:]) {
      .counter(refused)
    }
  }

  /// A number that only grows.
  package func counter(_ name: String, help: String, labels: KeyValuePairs<String, String> = [:]) -> Counter {
    let source = register(name: name, help: help, type: "counter", labels) { .counter(Counter()) }
    if case .counter(let counter) = source { return counter }
    return Counter()
  }

  /// A counter that someone else keeps, read when scraped. `read` must not block.
  package func counter(
    _ name: String, help: String, labels: KeyValuePairs<String, String> = [:], read: @escaping @Sendable () -> Double
  ) {
    register(name: name, help: help, type: "counter", labels) { .reading(read) }
  }

  /// A number that goes up and down, read when scraped. `read` must not block.
  package func gauge(
    _ name: String, help: String, labels: KeyValuePairs<String, String> = [:], read: @escaping @Sendable () -> Double
  ) {
    register(name: name, help: help, type: "gauge", labels) { .reading(read) }
  }

  /// A distribution of durations in nanoseconds, shown in seconds, or of plain numbers.
  package func histogram(
    _ name: String, help: String, unit: Histogram.Unit = .nanoseconds, labels: KeyValuePairs<String, String> = [:]
  ) -> Histogram {
    let source = register(name: name, help: help, type: "histogram", labels) { .histogram(Histogram(unit: unit)) }
    if case .histogram(let histogram) = source { return histogram }
    return Histogram(unit: unit)
  }

  @discardableResult
  private func register(
    name: String, help: String, type: StaticString, _ labels: KeyValuePairs<String, String>, make: () -> Source
  ) -> Source {
    let text = Self.text(of: labels)
    return state.withLock { state in
      let known = state.families.firstIndex { $0.name == name }
      if let known, let series = state.families[known].series.first(where: { $0.labels == text }) {
        return series.source
      }
      let source = make()
      guard state.seriesCount < Limits.metricSeriesMax else {
        refused.add()
        return source
      }
      state.seriesCount += 1
      if let known {
        state.families[known].series.append((text, source))
      } else {
        state.families.append(Family(name: name, help: help, type: type, series: [(text, source)]))
      }
      return source
    }
  }

  private static func text(of labels: KeyValuePairs<String, String>) -> String {
    labels.map { "\($0.key)=\"\(escape($0.value))\"" }.joined(separator: ",")
  }

  private static func escape(_ value: String) -> String {
    var escaped = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\"": escaped += "\\\""
      case "\n": escaped += "\\n"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// Appends the text exposition format, version 0.0.4, families in the order of their registration.
  package func appendExposition(to writer: inout ByteWriter) {
    // The readings run outside the lock: they belong to others, who may be registering a metric right now.
    let families = state.withLock { $0.families }
    for family in families {
      writer.append(utf8: "# HELP \(family.name) \(family.help)\n# TYPE \(family.name) \(family.type)\n")
      for series in family.series {
        let braced = series.labels.isEmpty ? "" : "{\(series.labels)}"
        switch series.source {
        case .counter(let counter): writer.append(utf8: "\(family.name)\(braced) \(counter.value)\n")
        case .reading(let read): writer.append(utf8: "\(family.name)\(braced) \(read().exposition)\n")
        case .histogram(let histogram):
          histogram.appendExposition(name: family.name, labels: series.labels, to: &writer)
        }
      }
    }
  }
}

extension Double {
  /// The number as Prometheus reads it: whole numbers without a fraction.
  var exposition: String {
    if let whole = Int64(exactly: self) { return String(whole) }
    if isNaN { return "NaN" }
    if isInfinite { return self < 0 ? "-Inf" : "+Inf" }
    return description
  }
}
