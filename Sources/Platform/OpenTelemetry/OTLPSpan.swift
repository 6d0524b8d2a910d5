import Base
import Synchronization
package import Tracing

/// A span of a trace. One that is not sampled records nothing, and hands on its trace.
///
/// It ends with ``end()``, or at the latest when it is released. What is set afterwards has no effect.
package final class OTLPSpan: Span {
    package let context: InstrumentationContext
    package let trace: TraceContext
    private let exporter: SpanExporter
    private let started = ContinuousClock.now
    /// Nil for a span that is not sampled, and after the end.
    private let record: Mutex<SpanRecord?>

    init(_ trace: TraceContext, in context: InstrumentationContext, _ record: SpanRecord?, exporter: SpanExporter) {
        var context = context
        context.trace = trace
        self.context = context
        self.trace = trace
        self.exporter = exporter
        self.record = Mutex(record)
    }

    deinit { end() }

    /// Whether the span is sampled and has not ended.
    package var isRecording: Bool { record.withLock { $0 != nil } }

    /// The name, from a closed set: a route, a kind of job, a host.
    package func rename(_ name: String) { record.withLock { $0?.name = name } }

    /// - Parameter value: no secret, no text of a person, no address of one.
    package func set(_ name: String, _ value: String) { record.withLock { $0?.set(name, .text(value)) } }
    package func set(_ name: String, _ value: Int) { record.withLock { $0?.set(name, .integer(Int64(value))) } }

    /// Marks the span as failed.
    /// - Parameter type: a code or the name of a type; never the text of an error, which may have anything in it.
    package func fail(_ type: String) {
        record.withLock { record in
            record?.hasFailed = true
            record?.set("error.type", .text(type))
        }
    }

    /// Ends the span now. Its duration is that of a clock which is not set.
    package func end() {
        let ended = record.withLock { record in
            defer { record = nil }
            return record
        }
        guard var ended else { return }
        let nanoseconds = max(0, (ContinuousClock.now - started) / .nanoseconds(1))
        ended.end = ended.start + UInt64(nanoseconds)
        exporter.add(ended)
    }

    /// Runs work as a part of this span: it is the parent of what the work starts, in its tasks too.
    package func run<Result>(_ work: () async throws -> Result) async rethrows -> Result {
        try await InstrumentationContext.$current.withValue(context) { try await work() }
    }
}

// What swift-distributed-tracing requires. Events and links are not recorded: nothing here adds any.
extension OTLPSpan {
    package var operationName: String {
        get { record.withLock { $0?.name } ?? "" }
        set { rename(newValue) }
    }

    package var attributes: SpanAttributes {
        get {
            var attributes = SpanAttributes()
            for attribute in record.withLock({ $0?.attributes ?? [] }) {
                let value: SpanAttribute =
                    switch attribute.value {
                    case .text(let text): .string(text)
                    case .integer(let number): .int64(number)
                    case .number(let number): .double(number)
                    case .boolean(let value): .bool(value)
                    }
                attributes[attribute.name] = value
            }
            return attributes
        }
        set {
            record.withLock { record in
                newValue.forEach { name, attribute in
                    switch attribute {
                    case .string(let text): record?.set(name, .text(text))
                    case .int32(let number): record?.set(name, .integer(Int64(number)))
                    case .int64(let number): record?.set(name, .integer(number))
                    case .double(let number): record?.set(name, .number(number))
                    case .bool(let value): record?.set(name, .boolean(value))
                    case .stringConvertible(let value): record?.set(name, .text("\(value)"))
                    default: break
                    }
                }
            }
        }
    }

    package func setStatus(_ status: SpanStatus) {
        record.withLock { $0?.hasFailed = status.code == .error }
    }

    package func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        record.withLock { $0?.set("error.type", .text("\(type(of: error))")) }
    }

    package func addEvent(_: SpanEvent) {}
    package func addLink(_: SpanLink) {}
    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) { end() }
}
