package import Modules
import Outbound

/// The traces of this process: those who start spans get the tracer, and the exporter sends them.
package struct Traces: Sendable {
    let tracer: OTLPTracer
    package let exporter: SpanExporter

    /// Of one request to the collector.
    private static let timeout = Duration.seconds(10)

    /// Nil where no collector is configured.
    init?(_ configuration: Configuration, metrics: Metrics, logger: Logger, runtime: Runtime) {
        guard let url = configuration.tracesURL else { return nil }
        // A client of its own, which is not traced itself. One connection is enough.
        var bounds = OutboundClient.Settings()
        bounds.connectionsPerHost = 1
        let client = OutboundClient(bounds)
        let fields = [(name: "Content-Type", value: "application/json")] + (configuration.tracesFields ?? [])
        exporter = SpanExporter(
            settings: SpanExporter.Settings(
                serviceName: configuration.tracesServiceName, version: gatehouseVersion,
                environment: configuration.environment.rawValue),
            metrics: metrics, logger: logger
        ) { document in
            try await client.send(
                OutboundRequest(
                    "POST", url, headers: fields, body: .bytes(document), timeout: Self.timeout,
                    responseBytesMax: 64 << 10)
            ).status
        }
        tracer = OTLPTracer(
            exporter: exporter, sampledShare: configuration.tracesSampledShare, runtime: runtime)
    }

    /// Adds the trace to the lines that a task of one logs.
    static let fields = Logger.MetadataProvider {
        TraceContext.current.map { ["trace_id": .string($0.traceID)] } ?? [:]
    }
}
