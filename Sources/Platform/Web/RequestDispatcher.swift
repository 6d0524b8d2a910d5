package import Base
package import HTTPTypes
import NIOCore
package import OpenTelemetry
import Synchronization
package import Telemetry

/// Finds the route of a request, runs it, and answers; every error becomes a problem response.
package final class RequestDispatcher: Sendable {
    package let routes: [Route]
    private let table: RouteTable
    private let corsOrigins: Set<String>
    private let corsRequestHeaders: String
    private let proxies: TrustedProxies
    private let sendsStrictTransport: Bool
    private let requestsInFlight: RequestsInFlight
    private let metrics: Metrics
    private let requestMetrics: RequestMetrics
    private let logger: Logger
    private let accessLog: AccessLog
    /// Nil where requests are not traced.
    private let tracer: OTLPTracer?
    private let runtime: Runtime

    /// - Parameters:
    ///   - corsOrigins: origins that may send cross-origin requests; `*` is any.
    ///   - requestHeaders: fields that modules read in cross-origin requests, besides those that this one does.
    ///   - proxies: peers whose `X-Forwarded-For` and `traceparent` are used.
    ///   - sendsStrictTransport: whether browsers are told to use TLS alone (RFC 6797), where this server is served by it.
    ///   - requestsPerNetwork: requests under way that proxies forward for one network.
    ///   - tracer: nil where requests are not traced.
    package init(
        routes: [Route],
        corsOrigins: [String],
        requestHeaders: [HTTPField.Name] = [],
        proxies: TrustedProxies = .none,
        sendsStrictTransport: Bool = false,
        requestsPerNetwork: Int = HTTPLimits().connectionsPerNetwork,
        metrics: Metrics,
        logger: Logger,
        tracer: OTLPTracer? = nil,
        runtime: Runtime
    ) {
        self.routes = routes
        table = RouteTable(routes)
        self.corsOrigins = Set(corsOrigins)
        corsRequestHeaders = (Self.requestHeaders + requestHeaders).map(\.rawName).sorted().joined(separator: ", ")
        self.proxies = proxies
        self.sendsStrictTransport = sendsStrictTransport
        requestsInFlight = RequestsInFlight(limit: requestsPerNetwork)
        self.metrics = metrics
        requestMetrics = RequestMetrics(metrics)
        self.logger = logger
        accessLog = AccessLog(logger)
        self.tracer = tracer
        self.runtime = runtime
        metrics.describe("gatehouse_refusals_total", "Requests answered with a problem, by its code.")
    }

    /// Answers a request. It never throws: an error becomes a problem response, and above 499 a log line.
    /// - Parameter peer: the address of the other end of the connection: the client or a reverse proxy.
    package func respond(to head: HTTPRequest, body: RequestBody, address peer: String) async -> Response {
        let started = ContinuousClock.now
        let address = proxies.client(of: peer, forwarded: head.headerFields[values: .xForwardedFor])
        let requestID = Self.requestID(head.headerFields.value(of: .xRequestID)) ?? runtime.id(of: Request.self).text
        let forwarded = forwardedOrigin(of: address, by: peer, head)
        let span = tracer.flatMap { self.span(of: head, by: peer, from: $0) }
        var isCounted = false
        var routed = "(no route)"
        var found: Route?
        var context: RequestContext?
        var response: Response
        do {
            if let forwarded {
                try requestsInFlight.begin(forwarded)
                isCounted = true
            }
            let target = head.path ?? "/"
            let mark = target.utf8.firstIndex(of: UInt8(ascii: "?"))
            let path = table.path(of: mark.map { String(target[..<$0]) } ?? target)
            if head.method == .options, let preflight = preflight(head) {
                routed = "(preflight)"
                response = preflight
            } else {
                switch try table.match(head.method, path) {
                case .found(let route, let parameters):
                    routed = route.path
                    found = route
                    let query =
                        if let mark { try Query(target[target.utf8.index(after: mark)...]) } else { Query.empty }
                    let request = Request(
                        method: head.method,
                        path: path,
                        parameters: parameters,
                        query: query,
                        headers: head.headerFields,
                        body: body,
                        requestID: requestID,
                        address: address,
                        received: runtime.now(),
                        clock: runtime.now
                    )
                    context = request.context
                    response =
                        if let span {
                            try await span.run { try await route.respond(request) }
                        } else {
                            try await route.respond(request)
                        }
                case .wrongMethod(let allowed):
                    let list = allowed.map(\.rawValue).joined(separator: ", ")
                    throw Problem(.methodNotAllowed, detail: "This path accepts \(list).", headers: ["Allow": list])
                case .none:
                    throw Problem(.notFound, detail: "No route has this path. /docs lists the routes.")
                }
            }
        } catch {
            response = problemResponse(
                Problem.wrapping(error), requestID: requestID, route: routed, span,
                as: found?.problemFormat?.body(head.headerFields))
        }
        if isCounted, let forwarded { requestsInFlight.end(forwarded) }
        response.headers.reserveCapacity(Self.usualFields)
        response.headers[.xRequestID] = requestID
        context?.value(of: ResponseFields.self)?.add(to: &response)
        addCORS(to: &response, origin: head.headerFields.value(of: .origin))
        addDefaultFields(to: &response)
        let duration = ContinuousClock.now - started
        response.headers[.xProcessTime] = DecimalText.millionths(
            Self.microseconds(duration, roundedUpTo: found?.processTimeUnit ?? 1))
        record(head.method, response, found, routed, requestID, address, context, span, duration)
        if let span { Self.end(span, with: &response, head.method, found, requestID) }
        return response
    }

    /// Nil for health checks, which come every few seconds and say nothing. Only a trusted proxy names the trace: another
    /// client would decide what is recorded, and write ids of its choice into the log.
    private func span(of head: HTTPRequest, by peer: String, from tracer: OTLPTracer) -> OTLPSpan? {
        guard !head.isHealthCheck else { return nil }
        let parents = proxies.trusts(peer) ? head.headerFields[values: .traceparent] : []
        return tracer.startRequest(Self.known(head.method), traceparents: parents)
    }

    /// Ends a span, by the semantic conventions of OpenTelemetry for HTTP servers: without the path as it was sent, the
    /// query, and the client's address. Where the body is made in chunks, it ends with the last one.
    private static func end(
        _ span: OTLPSpan, with response: inout Response, _ method: HTTPRequest.Method, _ route: Route?,
        _ requestID: String
    ) {
        let method = known(method)
        span.set("http.request.method", method)
        span.set("http.response.status_code", response.status.code)
        span.set("gatehouse.request_id", requestID)
        if let route {
            span.rename("\(method) \(route.path)")
            span.set("http.route", route.path)
        }
        if response.status.code >= 500 { span.fail("\(response.status.code)") }
        guard case .chunks(let begin) = response.body else { return span.end() }
        response.body = .chunks {
            let next = begin()
            // The span is released, and so ends, where the client goes away.
            return {
                do {
                    let chunk = try await span.run { try await next() }
                    if chunk == nil { span.end() }
                    return chunk
                } catch {
                    span.fail("\(type(of: error))")
                    span.end()
                    throw error
                }
            }
        }
    }

    /// Fields of a response, for which memory is allocated at once.
    private static let usualFields = 14

    /// What a request counts for that a trusted proxy forwards; nil for other requests, and for health checks.
    ///
    /// Without a readable client it counts for the proxy, whose connections are not counted: a client may have made the
    /// field unreadable.
    private func forwardedOrigin(of client: String, by peer: String, _ head: HTTPRequest) -> RequestsInFlight.Origin? {
        guard !head.isHealthCheck, client != peer || proxies.trusts(peer) else { return nil }
        return NetworkAddress(client).map { .network($0.network) } ?? .unixSocket
    }

    /// The response to input that is not a request, such as malformed HTTP: without a route and without a client
    /// address.
    package func refuse(_ problem: Problem) -> Response {
        var response = problemResponse(problem, requestID: runtime.id(of: Request.self).text, route: "(malformed)")
        addDefaultFields(to: &response)
        return response
    }

    private static func microseconds(_ duration: Duration, roundedUpTo unit: Int64) -> Int64 {
        (max(0, duration.microseconds) + unit - 1) / unit * unit
    }

    /// - Parameter format: nil for RFC 9457.
    private func problemResponse(
        _ problem: Problem, requestID: String, route: String, _ span: OTLPSpan? = nil,
        as format: ProblemFormat.Body? = nil
    ) -> Response {
        // An overload without a cause is a limit that clients reach, and a part that is not configured is a setting:
        // the metric counts them, and a flood of them fills no log.
        if problem.kind.status >= 500, ![.overloaded, .notConfigured].contains(problem.kind) || problem.cause != nil {
            var fields: Logger.Metadata = [
                "request_id": "\(requestID)", "path": "\(route)", "code": "\(problem.kind.code)",
                "cause": "\(problem.cause.map { "\($0)" } ?? "none")",
            ]
            if let span { fields["trace_id"] = "\(span.trace.traceID)" }
            // 502 says that another server has failed, which no change here repairs.
            logger.log(level: problem.kind.status == 502 ? .warning : .error, "\(problem.title)", metadata: fields)
        }
        metrics.increment("gatehouse_refusals_total", [("code", problem.kind.code)])
        guard let format else { return problem.response(requestID: requestID) }
        return problem.response(with: format(problem, requestID), mediaType: ProblemFormat.mediaType)
    }

    /// - Parameters:
    ///   - route: nil where none was found.
    ///   - path: that of the route, or what stands for it.
    private func record(
        _ method: HTTPRequest.Method, _ response: Response, _ route: Route?, _ path: String, _ requestID: String,
        _ address: String, _ context: RequestContext?, _ span: OTLPSpan?, _ duration: Duration
    ) {
        let method = Self.known(method)
        requestMetrics.count(route, path, method, response.status.code, seconds: duration.inSeconds)
        accessLog.write(
            AccessLog.Line(
                requestID: requestID,
                method: method,
                path: path,
                status: response.status.code,
                duration: duration,
                clientAddress: address,
                user: context?.accountName,
                traceID: span?.trace.traceID
            )
        )
    }

    private static let knownMethods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options]

    /// A client may send any token as a method; only known ones become label values.
    private static func known(_ method: HTTPRequest.Method) -> String {
        knownMethods.contains(method) ? method.rawValue : "other"
    }

    /// The request id of the client, where it has 8 to 128 bytes of `A-Za-z0-9._-`.
    private static func requestID(_ text: String?) -> String? {
        guard let text, (8...128).contains(text.utf8.count),
            text.utf8.allSatisfy({
                $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") || isLetterOrDigit($0)
            })
        else { return nil }
        return text
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }
}

/// The metrics of requests.
private final class RequestMetrics: Sendable {
    /// The series of one route, in the order of their first use: a few methods and statuses.
    private struct Series {
        let duration: Metrics.Timer
        var answered: [(method: String, status: Int, counter: Metrics.Counter)] = []
    }

    /// What requests are counted by: their route, or without one a constant that stands for it.
    private enum Subject: Hashable {
        case route(ObjectIdentifier)
        case other(String)
    }

    private let metrics: Metrics
    /// So that a request formats no labels.
    private let known = Mutex<[Subject: Series]>([:])

    init(_ metrics: Metrics) {
        self.metrics = metrics
        metrics.describe("gatehouse_http_requests_total", "Requests answered, by route, method and status.")
        metrics.describe(
            "gatehouse_http_request_duration_seconds", "Time from the request's head to its answer, by route.")
    }

    func count(_ route: Route?, _ path: String, _ method: String, _ status: Int, seconds: Double) {
        let subject = route.map { Subject.route(ObjectIdentifier($0)) } ?? .other(path)
        let (answered, duration) = known.withLock { known in
            series(path, method, status, in: &known[subject, default: Series(duration: timer(of: path))])
        }
        answered.increment()
        duration.observe(seconds: seconds)
    }

    private func series(
        _ path: String, _ method: String, _ status: Int, in series: inout Series
    ) -> (Metrics.Counter, Metrics.Timer) {
        if let known = series.answered.first(where: { $0.status == status && $0.method == method }) {
            return (known.counter, series.duration)
        }
        let counter = metrics.counter(
            "gatehouse_http_requests_total", [("route", path), ("method", method), ("status", String(status))])
        series.answered.append((method, status, counter))
        return (counter, series.duration)
    }

    private func timer(of path: String) -> Metrics.Timer {
        metrics.timer("gatehouse_http_request_duration_seconds", [("route", path)])
    }
}

// MARK: Cross-origin requests (Fetch standard, CORS protocol)

extension RequestDispatcher {
    private static let requestHeaders: [HTTPField.Name] = [
        .authorization, .contentType, .idempotencyKey, .prefer, .apiKey, .csrfToken, .xRequestID,
    ]

    private func allows(_ origin: String) -> Bool { corsOrigins.contains(origin) || corsOrigins.contains("*") }

    private func preflight(_ head: HTTPRequest) -> Response? {
        guard let origin = head.headerFields[.origin], head.headerFields[.accessControlRequestMethod] != nil else {
            return nil
        }
        var response = Response(status: .noContent)
        if allows(origin) {
            response.headers[.accessControlAllowMethods] = "GET, HEAD, POST, PUT, PATCH, DELETE"
            response.headers[.accessControlAllowHeaders] = corsRequestHeaders
            response.headers[.accessControlMaxAge] = "600"
        }
        return response
    }

    private func addCORS(to response: inout Response, origin: String?) {
        guard !corsOrigins.isEmpty else { return }
        response.headers[.vary] = response.headers[.vary].map { "\($0), Origin" } ?? "Origin"
        guard let origin, allows(origin) else { return }
        response.headers[.accessControlAllowOrigin] = origin
        response.headers[.accessControlAllowCredentials] = corsOrigins.contains(origin) ? "true" : nil
        response.headers[.accessControlExposeHeaders] =
            "ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Process-Time, X-RateLimit-Limit, "
            + "X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID, X-Total-Count"
    }
}

extension RequestDispatcher {
    /// A year.
    private static let strictTransport = "max-age=31536000"

    /// The fields of every response: a cache stores none that does not say so, because most responses are for one
    /// account and pages hold tokens; a browser takes the media type as it is (Fetch standard, `nosniff`).
    private func addDefaultFields(to response: inout Response) {
        // Appending a field takes longer than setting it: it goes through the generic insertion of collections.
        if !response.headers.contains(.cacheControl) { response.headers[.cacheControl] = "no-store" }
        if !response.headers.contains(.xContentTypeOptions) { response.headers[.xContentTypeOptions] = "nosniff" }
        if sendsStrictTransport { response.headers[.strictTransportSecurity] = Self.strictTransport }
    }
}

extension Problem.Kind {
    package static let methodNotAllowed = Self("method-not-allowed", "Method not allowed", status: 405)
}

extension Problem {
    /// The problem by RFC 9457, with `error` for older clients.
    package func response(requestID: String) -> Response {
        var body = members
        body["type"] = .string("/problems/\(kind.code)")
        body["title"] = .string(title)
        body["status"] = .integer(Int64(kind.status))
        body["detail"] = .string(detail ?? title)
        body["code"] = .string(kind.code)
        body["request_id"] = .string(requestID)
        body["error"] = .string(title)
        return response(with: .object(body), mediaType: "application/problem+json")
    }

    fileprivate func response(with body: JSONValue, mediaType: String) -> Response {
        var response = Response(
            status: HTTPResponse.Status(code: kind.status),
            headers: [.contentType: "\(mediaType); charset=utf-8", .cacheControl: "no-store"],
            body: .buffer(PayloadWriter.json(body))
        )
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { response.headers[name] = value }
        }
        return response
    }
}
