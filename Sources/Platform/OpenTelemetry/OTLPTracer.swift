package import Base
package import Tracing

/// Starts the spans of this process.
///
/// It is handed to those who start spans, and is not the tracer of `InstrumentationSystem`: libraries that look there
/// would record the URLs of their requests.
package final class OTLPTracer: Tracer {
    private let exporter: SpanExporter
    /// Of the traces that begin here, 0 to 1.
    private let sampledShare: Double
    private let runtime: Runtime

    /// - Parameter sampledShare: of the traces that begin here, 0 to 1; others are sampled where their caller's span is.
    package init(exporter: SpanExporter, sampledShare: Double, runtime: Runtime) {
        self.exporter = exporter
        self.sampledShare = sampledShare
        self.runtime = runtime
    }

    /// The span of a request that has arrived.
    /// - Parameters:
    ///   - name: until ``OTLPSpan/rename(_:)``.
    ///   - traceparents: the values of that header field: of none or several of them, or an invalid one, the request
    ///     begins a trace.
    package func startRequest(_ name: String, traceparents: [String]) -> OTLPSpan {
        let caller = traceparents.count == 1 ? TraceContext(traceparent: traceparents[0]) : nil
        return start(name, .server, in: .topLevel, parent: caller)
    }

    /// The span of a job. It begins a trace: a job may run long after what has caused it, and again.
    package func startJob(_ name: String) -> OTLPSpan { start(name, .consumer, in: .topLevel, parent: nil) }

    /// The span of a request to another service, in the trace of the task.
    package func startCall(_ name: String) -> OTLPSpan { startInTask(name, .client) }

    /// The span of a part of the task's work; nil where the task belongs to no trace that is recorded.
    package func startPart(_ name: String) -> OTLPSpan? {
        TraceContext.current?.isSampled == true ? startInTask(name, .part) : nil
    }

    private func startInTask(_ name: String, _ kind: SpanRecord.Kind) -> OTLPSpan {
        let context = InstrumentationContext.current ?? .topLevel
        return start(name, kind, in: context, parent: context.trace)
    }

    private func start(
        _ name: String, _ kind: SpanRecord.Kind, in context: InstrumentationContext, parent: TraceContext?,
        at start: UInt64? = nil
    ) -> OTLPSpan {
        let random = runtime.randomBytes(24)
        let span = Self.number(random[0..<8])
        let trace: TraceContext
        if let parent {
            trace = TraceContext(high: parent.high, low: parent.low, span: span, isSampled: parent.isSampled)
        } else {
            let low = Self.number(random[8..<16])
            trace = TraceContext(
                high: Self.number(random[16..<24]), low: low, span: span, isSampled: isSampled(traceWith: low))
        }
        guard trace.isSampled else { return OTLPSpan(trace, in: context, nil, exporter: exporter) }
        let start = start ?? UInt64(max(0, runtime.now().microseconds)) * 1_000
        let record = SpanRecord(
            context: trace, parent: parent?.span, kind: kind, name: name, start: start, end: start)
        return OTLPSpan(trace, in: context, record, exporter: exporter)
    }

    /// Whether a trace is recorded, by the random bits of its id.
    private func isSampled(traceWith low: UInt64) -> Bool {
        Double(low >> 11) < sampledShare * Double(UInt64(1) << 53)
    }

    /// Not 0, which is no id.
    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        max(1, bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }
}

// What swift-distributed-tracing requires.
extension OTLPTracer {
    package func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> InstrumentationContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> OTLPSpan {
        let context = context()
        let ownKind: SpanRecord.Kind =
            switch kind {
            case .server: .server
            case .client: .client
            case .producer: .producer
            case .consumer: .consumer
            case .internal: .part
            }
        return start(
            operationName, ownKind, in: context, parent: context.trace, at: instant().nanosecondsSinceEpoch)
    }

    /// Without effect: ``SpanExporter`` sends by itself.
    package func forceFlush() {}

    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let text = extractor.extract(key: Self.field, from: carrier) else { return }
        context.trace = TraceContext(traceparent: text)
    }

    package func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.trace else { return }
        injector.inject(trace.traceparent, forKey: Self.field, into: &carrier)
    }

    /// The header field of ``TraceContext/traceparent``.
    package static let field = "traceparent"
}
