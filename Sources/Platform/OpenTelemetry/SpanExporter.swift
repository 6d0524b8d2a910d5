import Base
import ServiceLifecycle
import Synchronization
package import Telemetry

/// Sends ended spans to a collector, as `ExportTraceServiceRequest` of OTLP in JSON.
///
/// Those who end spans never wait: beyond ``Settings/waitingMax`` spans are counted and dropped. A collector that does
/// not answer is asked again after the next interval, with the same spans.
package final class SpanExporter: Service {
    package struct Settings: Sendable {
        /// Of the resource: what every span of this process has in common.
        package var serviceName: String
        package var version: String
        package var environment: String
        /// Spans that wait for being sent.
        package var waitingMax = 4_096
        /// Spans of one request; as many that wait are sent at once.
        package var batchMax = 512
        package var interval: Duration = .seconds(5)
        /// At the end of the process.
        package var flushTime: Duration = .milliseconds(1_500)

        package init(serviceName: String, version: String, environment: String) {
            self.serviceName = serviceName
            self.version = version
            self.environment = environment
        }
    }

    private struct State {
        var waiting: [SpanRecord] = []
        /// The wait of ``run()``, which a full batch ends.
        var pause: Task<Void, Never>?
        var hasFailed = false
        var warned: ContinuousClock.Instant?
    }

    /// Between two log lines about a collector that cannot be reached.
    private static let warningInterval = Duration.seconds(600)
    /// Of refusals that pass (OTLP/HTTP, Retryable Response Codes).
    private static let retriedStatuses: Set<Int> = [429, 502, 503, 504]

    private let settings: Settings
    private let send: @Sendable ([UInt8]) async throws -> Int
    private let logger: Logger
    private let sent: Metrics.Counter
    private let full: Metrics.Counter
    private let refused: Metrics.Counter
    private let state = Mutex(State())
    /// The document before its spans.
    private let prefix: [UInt8]

    /// - Parameter send: sends one JSON document, within a time of its own, and gives the status of the response.
    package init(
        settings: Settings, metrics: Metrics, logger: Logger, send: @escaping @Sendable ([UInt8]) async throws -> Int
    ) {
        self.settings = settings
        self.send = send
        self.logger = logger
        metrics.describe("gatehouse_trace_spans_sent_total", "Spans that the collector has accepted.")
        metrics.describe(
            "gatehouse_trace_spans_dropped_total",
            "Spans that were not sent: too many waited, or the collector refused them.")
        sent = metrics.counter("gatehouse_trace_spans_sent_total")
        full = metrics.counter("gatehouse_trace_spans_dropped_total", [("reason", "full")])
        refused = metrics.counter("gatehouse_trace_spans_dropped_total", [("reason", "refused")])
        var prefix: [UInt8] = []
        prefix.append(#"{"resourceSpans":[{"resource":{"attributes":"#)
        SpanRecord.append(
            [
                ("service.name", .text(settings.serviceName)), ("service.version", .text(settings.version)),
                ("deployment.environment.name", .text(settings.environment)),
            ], to: &prefix)
        prefix.append(#"},"scopeSpans":[{"scope":{"name":"gatehouse","version":"#)
        prefix.append(jsonString: settings.version)
        prefix.append(#"},"spans":["#)
        self.prefix = prefix
    }

    func add(_ span: SpanRecord) {
        let (isDropped, pause): (Bool, Task<Void, Never>?) = state.withLock { state in
            guard state.waiting.count < settings.waitingMax else { return (true, nil) }
            state.waiting.append(span)
            // While the collector fails, the interval is kept.
            return (false, state.waiting.count >= settings.batchMax && !state.hasFailed ? state.pause : nil)
        }
        if isDropped { full.increment() }
        pause?.cancel()
    }

    /// Sends what has ended, every interval or as soon as a batch is full, until the process stops.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                await pause()
                await sendWaiting()
            }
        }
        await flush()
    }

    private func pause() async {
        let pause = Task { [settings] in
            // An error is the end of the wait.
            _ = try? await Task.sleep(for: settings.interval)
        }
        let isFull = state.withLock { state in
            state.pause = pause
            return state.waiting.count >= settings.batchMax && !state.hasFailed
        }
        if isFull { pause.cancel() }
        await withTaskCancellationHandler {
            await pause.value
        } onCancel: {
            pause.cancel()
        }
    }

    /// Sends what waits, within ``Settings/flushTime``.
    package func flush() async {
        // Detached from the task, which is cancelled at a stop.
        let sending = Task { await self.sendWaiting() }
        let timer = Task { [settings] in
            guard (try? await Task.sleep(for: settings.flushTime)) != nil else { return }
            sending.cancel()
        }
        await sending.value
        timer.cancel()
    }

    private func sendWaiting() async {
        while !Task.isCancelled {
            let batch = state.withLock { state in
                let batch = Array(state.waiting.prefix(settings.batchMax))
                state.waiting.removeFirst(batch.count)
                return batch
            }
            guard !batch.isEmpty, await send(batch) else { return }
        }
    }

    /// - Returns: whether the collector may be sent more.
    private func send(_ batch: [SpanRecord]) async -> Bool {
        let status: Int
        do { status = try await send(document(batch)) } catch {
            guard !Task.isCancelled else {
                putBack(batch)
                return false
            }
            // The text of an error may have the URL, whose path some collectors use as a key.
            return fail(batch, because: "\(type(of: error))")
        }
        guard !Self.retriedStatuses.contains(status) else { return fail(batch, because: "status \(status)") }
        guard (200..<300).contains(status) else {
            refused.increment(by: Double(batch.count))
            warn("status \(status)")
            return true
        }
        sent.increment(by: Double(batch.count))
        let isBack = state.withLock { state in
            defer { (state.hasFailed, state.warned) = (false, nil) }
            return state.warned != nil
        }
        if isBack { logger.notice("the collector of traces accepts spans again") }
        return true
    }

    private func fail(_ batch: [SpanRecord], because reason: String) -> Bool {
        state.withLock { $0.hasFailed = true }
        putBack(batch)
        warn(reason)
        return false
    }

    private func putBack(_ batch: [SpanRecord]) {
        let dropped = state.withLock { state in
            let room = max(0, settings.waitingMax - state.waiting.count)
            state.waiting.insert(contentsOf: batch.suffix(room), at: 0)
            return max(0, batch.count - room)
        }
        if dropped > 0 { full.increment(by: Double(dropped)) }
    }

    private func warn(_ reason: String) {
        let now = ContinuousClock.now
        let isDue = state.withLock { state in
            if let warned = state.warned, now - warned < Self.warningInterval { return false }
            state.warned = now
            return true
        }
        if isDue { logger.warning("spans could not be sent to the collector", metadata: ["reason": "\(reason)"]) }
    }

    private func document(_ spans: [SpanRecord]) -> [UInt8] {
        var bytes = prefix
        for (index, span) in spans.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            span.append(to: &bytes)
        }
        bytes.append("]}]}]}")
        return bytes
    }
}
