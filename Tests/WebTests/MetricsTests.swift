import CoreMetrics
import Telemetry
import Testing

@Suite struct MetricsTests {
    @Test func `metrics are exposed in the text format of Prometheus`() {
        let metrics = Metrics()
        metrics.describe("requests_total", "Requests.")
        metrics.increment("requests_total", [("path", "a\"b\\c\nd")])
        metrics.increment("requests_total", [("path", "a\"b\\c\nd")], by: 2)
        metrics.set("temperature", to: 1.5)
        metrics.observe("duration_seconds", seconds: 0.02)
        metrics.observe("duration_seconds", seconds: 100)
        let lines = metrics.exposition.split(separator: "\n")
        #expect(
            lines.prefix(5) == [
                "# HELP requests_total Requests.", "# TYPE requests_total counter",
                #"requests_total{path="a\"b\\c\nd"} 3"#, "# TYPE temperature gauge",
                "temperature 1.5",
            ])
        #expect(lines.contains("# TYPE duration_seconds histogram"))
        #expect(lines.contains(#"duration_seconds_bucket{le="0.01"} 0"#))
        #expect(lines.contains(#"duration_seconds_bucket{le="0.025"} 1"#))
        #expect(lines.contains(#"duration_seconds_bucket{le="30"} 1"#))
        #expect(lines.contains(#"duration_seconds_bucket{le="+Inf"} 2"#))
        #expect(lines.contains("duration_seconds_sum 100.02"))
        #expect(lines.contains("duration_seconds_count 2"))
    }

    @Test func `metrics of swift-metrics are exposed with valid names`() {
        let factory = LibraryMetrics()
        Counter(label: "http.client requests", dimensions: [("host.name", "a\"b")], factory: factory).increment(by: 3)
        FloatingPointCounter(label: "bytes", factory: factory).increment(by: 1.5)
        let meter = Meter(label: "pool-size", factory: factory)
        meter.set(4)
        meter.decrement()
        Gauge(label: "load", factory: factory).record(0.5)
        let recorder = Recorder(label: "batch", factory: factory)
        recorder.record(10)
        recorder.record(2)
        Timer(label: "query", factory: factory).recordNanoseconds(20_000_000)
        Counter(label: "gatehouse_jobs", factory: factory).increment()
        Counter(label: "9lives", factory: factory).increment()
        let lines = factory.exposition.split(separator: "\n")
        for line in [
            #"http_client_requests{host_name="a\"b"} 3"#, "bytes 1.5", "pool_size 3", "load 0.5", "batch_sum 12",
            "batch_count 2", #"query_seconds_bucket{le="0.01"} 0"#, #"query_seconds_bucket{le="0.025"} 1"#,
            "query_seconds_sum 0.02", "library_gatehouse_jobs 1", "library_9lives 1", "# TYPE pool_size gauge",
            "# TYPE query_seconds histogram",
        ] { #expect(lines.contains(Substring(line)), "\(line)") }
    }

    @Test func `a series continues with each handle, and a name keeps its type`() {
        let factory = LibraryMetrics()
        let first = Counter(label: "a", factory: factory)
        first.increment()
        first.destroy()
        Counter(label: "a", factory: factory).increment()
        Meter(label: "a", factory: factory).set(7)
        let lines = factory.exposition.split(separator: "\n")
        #expect(lines.contains("a 2") && !lines.contains("# TYPE a gauge"))
        #expect(lines.contains("gatehouse_library_metrics_dropped_total 1"))
    }

    @Test func `the series of libraries are bounded in number and in length`() {
        let factory = LibraryMetrics()
        for number in 0..<LibraryMetrics.seriesMax + 10 {
            Counter(label: "c", dimensions: [("n", "\(number)")], factory: factory).increment()
        }
        // A known series is not dropped.
        Counter(label: "c", dimensions: [("n", "0")], factory: factory).increment()
        let lines = factory.exposition.split(separator: "\n")
        #expect(lines.count { $0.hasPrefix("c{") } == LibraryMetrics.seriesMax)
        #expect(lines.contains(#"c{n="0"} 2"#))
        #expect(lines.contains("gatehouse_library_metrics_dropped_total 10"))
        let other = LibraryMetrics()
        Counter(label: "c", dimensions: [("n", String(repeating: "x", count: 1_000))], factory: other).increment()
        #expect(other.exposition.contains("c{n=\"\(String(repeating: "x", count: 128))\"} 1\n"))
    }
}
