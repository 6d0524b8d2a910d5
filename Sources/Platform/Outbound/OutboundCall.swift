import Foundation
import OpenTelemetry

/// A traced request to another service, by the semantic conventions of OpenTelemetry for HTTP clients.
///
/// The span has the host and not the path: paths have ids of customers.
struct OutboundCall: Sendable {
    let span: OTLPSpan
    /// With `traceparent`.
    let request: OutboundRequest

    init(_ request: OutboundRequest, _ tracer: OTLPTracer) {
        let host = URLComponents(string: request.url)?.host ?? ""
        span = tracer.startCall("\(request.method) \(host)")
        span.set("http.request.method", request.method)
        span.set("server.address", host)
        var request = request
        request.headers.append((name: OTLPTracer.field, value: span.trace.traceparent))
        self.request = request
    }

    func note(status: Int) {
        span.set("http.response.status_code", status)
        if status >= 400 { span.fail("\(status)") }
    }

    func end() { span.end() }

    func end(with error: any Error) {
        span.fail((error as? OutboundFailure).map { "\($0.kind)" } ?? "\(type(of: error))")
        span.end()
    }
}
