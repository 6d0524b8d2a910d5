import Base
import OpenTelemetry
import Synchronization
import Telemetry
import TestKit
import Testing

@Suite struct SpanExporterTests {
    /// A collector that answers as a test sets.
    private final class Collector: Sendable {
        private struct Refusal: Error {}

        private let state = Mutex<(status: Int?, documents: [JSONValue])>((200, []))

        /// Nil where it cannot be reached.
        var status: Int? {
            get { state.withLock { $0.status } }
            set { state.withLock { $0.status = newValue } }
        }

        var documents: [JSONValue] { state.withLock { $0.documents } }

        /// The names of the spans of each document.
        var names: [[String]] {
            documents.map { document in
                let spans = document["resourceSpans"]?[0]?["scopeSpans"]?[0]?["spans"]?.array ?? []
                return spans.compactMap { $0["name"]?.string }
            }
        }

        func receive(_ document: [UInt8]) throws -> Int {
            try state.withLock { state in
                state.documents.append(try JSONValue(parsing: document))
                guard let status = state.status else { throw Refusal() }
                return status
            }
        }
    }

    private struct Fixture {
        let collector = Collector()
        let metrics = Metrics()
        let log = LogOutput(keepsLines: true)
        let exporter: SpanExporter
        let tracer: OTLPTracer

        init(share: Double = 1, _ change: (inout SpanExporter.Settings) -> Void = { _ in }) {
            var settings = SpanExporter.Settings(serviceName: "a \"service\"", version: "1", environment: "test")
            change(&settings)
            let (log, collector) = (log, collector)
            exporter = SpanExporter(
                settings: settings, metrics: metrics,
                logger: Logger(label: "test") {
                    LineLogHandler(label: $0, format: .json, level: .info, output: log)
                }
            ) { try collector.receive($0) }
            tracer = OTLPTracer(exporter: exporter, sampledShare: share, runtime: .system)
        }

        func count(_ series: String) -> Bool { metrics.exposition.contains("\(series)\n") }
    }

    @Test func `a document has the form of OTLP in JSON`() async throws {
        let fixture = Fixture()
        let span = fixture.tracer.startJob("job \"x\"")
        span.set("text", "a\nb")
        span.set("number", 7)
        span.fail("broken")
        span.end()
        // What is set after the end has no effect.
        span.set("late", "x")
        span.end()
        await fixture.exporter.flush()
        let document = try #require(fixture.collector.documents.first)
        #expect(fixture.collector.documents.count == 1)
        let resource = document["resourceSpans"]?[0]?["resource"]?["attributes"]
        #expect(resource?[0] == ["key": "service.name", "value": ["stringValue": "a \"service\""]])
        let scope = document["resourceSpans"]?[0]?["scopeSpans"]?[0]
        #expect(scope?["scope"] == ["name": "gatehouse", "version": "1"])
        let sent = try #require(scope?["spans"]?[0])
        #expect(sent["traceId"]?.string?.wholeMatch(of: /[0-9a-f]{32}/) != nil)
        #expect(sent["spanId"]?.string?.wholeMatch(of: /[0-9a-f]{16}/) != nil)
        #expect(sent["parentSpanId"] == nil)
        #expect(sent["name"] == "job \"x\"" && sent["kind"] == 5)
        // Nanoseconds are strings of digits, 64-bit numbers too.
        let start = try #require(sent["startTimeUnixNano"]?.string.flatMap { UInt64($0) })
        let end = try #require(sent["endTimeUnixNano"]?.string.flatMap { UInt64($0) })
        #expect(start > 1_700_000_000_000_000_000 && end >= start && end - start < 60_000_000_000)
        #expect(sent["status"] == ["code": 2])
        #expect(
            sent["attributes"] == [
                ["key": "text", "value": ["stringValue": "a\nb"]], ["key": "number", "value": ["intValue": "7"]],
                ["key": "error.type", "value": ["stringValue": "broken"]],
            ])
        #expect(fixture.count("gatehouse_trace_spans_sent_total 1"))
    }

    @Test func `spans beyond the bound are dropped and counted`() async throws {
        let fixture = Fixture { ($0.waitingMax, $0.batchMax) = (3, 2) }
        for number in 0..<5 { fixture.tracer.startJob("\(number)").end() }
        await fixture.exporter.flush()
        #expect(fixture.collector.names == [["0", "1"], ["2"]])
        #expect(fixture.count(#"gatehouse_trace_spans_dropped_total{reason="full"} 2"#))
        #expect(fixture.count("gatehouse_trace_spans_sent_total 3"))
    }

    @Test(arguments: [nil, 503, 429] as [Int?])
    func `spans wait for a collector that is away, which is logged once`(_ status: Int?) async throws {
        let fixture = Fixture()
        fixture.collector.status = status
        fixture.tracer.startJob("first").end()
        for _ in 0..<3 { await fixture.exporter.flush() }
        fixture.tracer.startJob("second").end()
        fixture.collector.status = 200
        await fixture.exporter.flush()
        await fixture.exporter.flush()
        #expect(fixture.collector.names == [["first"], ["first"], ["first"], ["first", "second"]])
        #expect(fixture.count("gatehouse_trace_spans_sent_total 2"))
        let levels = try fixture.log.lines.map { try JSONValue(parsing: $0.utf8)["level"] }
        #expect(levels == ["warning", "notice"])
    }

    @Test func `spans that the collector refuses are dropped and counted`() async throws {
        let fixture = Fixture()
        fixture.collector.status = 400
        fixture.tracer.startJob("refused").end()
        await fixture.exporter.flush()
        await fixture.exporter.flush()
        #expect(fixture.collector.names == [["refused"]])
        #expect(fixture.count(#"gatehouse_trace_spans_dropped_total{reason="refused"} 1"#))
    }

    @Test func `a full batch is sent before the interval, and the rest at the end`() async throws {
        let fixture = Fixture { ($0.batchMax, $0.interval) = (2, .seconds(3_600)) }
        let running = Task { try await fixture.exporter.run() }
        fixture.tracer.startJob("a").end()
        fixture.tracer.startJob("b").end()
        #expect(try await eventually { fixture.collector.names == [["a", "b"]] })
        fixture.tracer.startJob("c").end()
        running.cancel()
        try await running.value
        #expect(fixture.collector.names == [["a", "b"], ["c"]])
    }

    @Test func `a share of the traces is sampled, and the parts of a trace together`() async throws {
        let none = Fixture(share: 0)
        for _ in 0..<100 { none.tracer.startJob("job").end() }
        await none.exporter.flush()
        #expect(none.collector.documents.isEmpty)

        let half = Fixture(share: 0.5)
        for _ in 0..<400 {
            let span = half.tracer.startJob("job")
            await span.run { half.tracer.startPart("part")?.end() }
            span.end()
        }
        await half.exporter.flush()
        let names = half.collector.names.flatMap { $0 }
        let jobs = names.filter { $0 == "job" }.count
        // Six standard deviations.
        #expect((140...260).contains(jobs) && names.count == 2 * jobs, "\(jobs)")
    }

    @Test func `a span that is released without an end is sent`() async throws {
        let fixture = Fixture()
        do { _ = fixture.tracer.startJob("released") }
        await fixture.exporter.flush()
        #expect(fixture.collector.names == [["released"]])
    }
}
