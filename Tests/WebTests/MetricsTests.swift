import Telemetry
import Testing

@Suite struct MetricsTests {
    @Test func `are written as Prometheus reads them`() {
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
}
