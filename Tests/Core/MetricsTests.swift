// The registry, the histogram and their text form.

import Codecs
import Core
import Testing

@Suite struct MetricsTests {
  private func text(_ metrics: Metrics) -> String {
    var writer = ByteWriter()
    metrics.appendExposition(to: &writer)
    return String(utf8: writer.bytes)
  }

  @Test func countersGaugesAndLabelsAppearWithHelpAndType() {
    let metrics = Metrics()
    let hits = metrics.counter("hits_total", help: "Hits.", labels: ["route": "/a\"b\\c\nd"])
    hits.add(3)
    metrics.gauge("depth_bytes", help: "Depth.") { 1.5 }
    let lines = text(metrics).split(separator: "\n")
    #expect(lines.contains("# HELP hits_total Hits."))
    #expect(lines.contains("# TYPE hits_total counter"))
    #expect(lines.contains(#"hits_total{route="/a\"b\\c\nd"} 3"#))
    #expect(lines.contains("# TYPE depth_bytes gauge"))
    #expect(lines.contains("depth_bytes 1.5"))
  }

  @Test func registeringTwiceReturnsTheSameSeries() {
    let metrics = Metrics()
    metrics.counter("a_total", help: "A.", labels: ["x": "1"]).add(2)
    metrics.counter("a_total", help: "A.", labels: ["x": "1"]).add(3)
    metrics.counter("a_total", help: "A.", labels: ["x": "2"]).add(7)
    let exposition = text(metrics)
    #expect(exposition.contains("a_total{x=\"1\"} 5\n"))
    #expect(exposition.contains("a_total{x=\"2\"} 7\n"))
    #expect(occurrences(of: "# TYPE a_total", in: exposition) == 1)
  }

  @Test func theNumberOfSeriesIsBoundedAndTheExcessCounted() {
    let metrics = Metrics()
    for index in 0..<Limits.metricSeriesMax + 10 {
      metrics.counter("many_total", help: "Many.", labels: ["n": "\(index)"]).add()
    }
    #expect(occurrences(of: "many_total{", in: text(metrics)) == Limits.metricSeriesMax - 1)
    #expect(text(metrics).contains("millrace_metric_series_refused_total 11\n"))
  }

  @Test func histogramBucketsAreCumulativeAndEndWithInfinity() {
    let metrics = Metrics()
    let histogram = metrics.histogram("wait_seconds", help: "Wait.", labels: ["r": "x"])
    for nanos: Int64 in [500, 1023, 1024, 5_000, 1_000_000_000] { histogram.record(nanos) }
    let exposition = text(metrics)
    #expect(exposition.contains("wait_seconds_bucket{r=\"x\",le=\"1.024e-06\"} 2\n"))
    #expect(exposition.contains("wait_seconds_bucket{r=\"x\",le=\"4.096e-06\"} 3\n"))
    #expect(exposition.contains("wait_seconds_bucket{r=\"x\",le=\"+Inf\"} 5\n"))
    #expect(exposition.contains("wait_seconds_count{r=\"x\"} 5\n"))
    #expect(exposition.contains("wait_seconds_sum{r=\"x\"} 1.000007547\n"))
  }

  @Test func quantilesAreWithinOneEighth() {
    let histogram = Histogram()
    for value: Int64 in 1...100_000 { histogram.record(value) }
    for quantile in [0.01, 0.5, 0.9, 0.99, 1] {
      let exact = quantile * 100_000
      let found = Double(histogram.value(atQuantile: quantile))
      #expect(found >= exact && found <= exact * 1.125 + 1, "p\(quantile): \(found) for \(exact)")
    }
    #expect(Histogram().value(atQuantile: 0.5) == 0)
  }

  @Test func extremeValuesDoNotTrap() {
    let histogram = Histogram()
    for value in [Int64.min, -1, 0, 1, .max] { histogram.record(value) }
    #expect(histogram.count == 5)
    #expect(histogram.value(atQuantile: 1) >= UInt64(Int64.max))
  }

  @Test func processMetricsAreThere() {
    let metrics = Metrics()
    metrics.registerProcess()
    let exposition = text(metrics)
    for name in ["process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total"] {
      let line = exposition.split(separator: "\n").first { $0.hasPrefix(name + " ") }
      #expect((line.flatMap { Double($0.split(separator: " ")[1]) } ?? 0) > 0, "\(name)")
    }
  }

  private func occurrences(of part: String, in text: String) -> Int {
    var count = 0
    var rest = text[...]
    while let range = rest.firstRange(of: part) {
      count += 1
      rest = rest[range.upperBound...]
    }
    return count
  }
}
