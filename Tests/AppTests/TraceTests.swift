import App
import Base
import Modules
import TestKit
import Testing

/// What a collector of OpenTelemetry gets of requests and jobs.
@Suite struct TraceTests {
    private static let caller = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let callersSpan = "00f067aa0ba902b7"
    /// Whose `traceparent` is read.
    private static let proxy = "198.51.100.7"
    private static let sampled = ["traceparent": "00-\(caller)-\(callersSpan)-01"]

    private func withCollector(
        _ engine: Engine, share: Double = 1, headers: String? = nil,
        _ body: (TestApp, WebhookReceiver) async throws -> Void
    ) async throws {
        try await WebhookReceiver.with { collector in
            try await withTestApp(
                engine,
                change: { configuration in
                    configuration.tracesEndpoint = "http://127.0.0.1:\(collector.port)/otel/"
                    configuration.tracesHeaders = headers
                    configuration.tracesSampledShare = share
                    configuration.trustedProxies = [Self.proxy]
                }
            ) { app in try await body(app, collector) }
        }
    }

    /// Sends what waits.
    private func spans(_ app: TestApp, _ collector: WebhookReceiver) async throws -> [JSONValue] {
        await app.app.traces?.exporter.flush()
        return collector.messages.flatMap { message in
            message.json["resourceSpans"]?[0]?["scopeSpans"]?[0]?["spans"]?.array ?? []
        }
    }

    @Test(arguments: Engine.available)
    func `a request continues the trace of its caller, and its transactions are parts of it`(_ engine: Engine)
        async throws
    {
        try await withCollector(engine, headers: "x-key=a%20b,Authorization=Basic%20c") { app, collector in
            let person = try await app.register()
            _ = await app.call(
                "GET", "/v1/organisations/00000000-0000-7000-8000-00000000dead/members?q=one", token: person.token,
                headers: Self.sampled.merging(["X-Request-ID": "request-0001"]) { $1 }, address: Self.proxy)
            let all = try await spans(app, collector).filter { $0["traceId"] == .string(Self.caller) }
            let found = all.first { $0["kind"] == 2 }
            let request = try #require(found)
            #expect(request["parentSpanId"] == .string(Self.callersSpan))
            let attributes = Self.attributes(request)
            #expect(attributes["http.request.method"] == ["stringValue": "GET"])
            #expect(attributes["http.response.status_code"]?["intValue"] == "404")
            #expect(attributes["gatehouse.request_id"] == ["stringValue": "request-0001"])
            #expect(attributes["http.route"] == ["stringValue": "/v1/organisations/{id}/members"])
            #expect(request["name"] == "GET /v1/organisations/{id}/members")
            #expect(request["status"] == [:])
            let parts = all.filter { $0["kind"] == 1 }
            #expect(!parts.isEmpty && parts.allSatisfy { $0["parentSpanId"] == request["spanId"] }, "\(all)")
            #expect(parts.allSatisfy { $0["name"]?.string?.hasPrefix("database ") == true })

            let message = try #require(collector.messages.first)
            #expect(message.path == "/otel/v1/traces")
            #expect(message.headers["content-type"] == "application/json")
            #expect(message.headers["x-key"] == "a b" && message.headers["authorization"] == "Basic c")
            // The exporter's own requests are in no trace.
            #expect(message.headers["traceparent"] == nil)
            let lines = app.log.lines.filter { $0.contains(#""trace_id":"\#(Self.caller)""#) }
            #expect(lines.contains { $0.contains("request-0001") }, "\(app.log.lines)")
        }
    }

    @Test func `no span has a secret, a query, or the address of a person or a client`() async throws {
        try await withCollector(.sqlite) { app, collector in
            let person = try await app.register("someone")
            _ = await app.call(
                "GET", "/v1/auth/profile?access_token=query-secret", token: person.token,
                headers: ["Cookie": "a=cookie-secret", "X-API-Key": "key-secret", "User-Agent": "agent-of-client"],
                address: "203.0.113.77")
            _ = await app.call(
                "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": "password-secret"],
                address: "203.0.113.77")
            _ = await app.call("GET", "/path-of-client/secret", address: "203.0.113.77")
            try await app.runJobs()
            let all = try await spans(app, collector)
            #expect(all.count > 5)
            let sent = collector.messages.map { String(decoding: $0.body, as: UTF8.self) }.joined()
            for secret in [
                "secret", "203.0.113.77", person.email, person.token, person.refreshToken, TestApp.password,
                "agent-of-client", "path-of-client",
            ] {
                #expect(!sent.contains(secret), "\(secret)")
            }
        }
    }

    @Test func `a caller decides whether its trace is recorded, an invalid field decides nothing`() async throws {
        try await withCollector(.sqlite, share: 0) { app, collector in
            _ = await app.call("GET", "/v1/auth/profile")
            _ = await app.call(
                "GET", "/v1/auth/profile", headers: ["traceparent": "00-\(Self.caller)-0-01"],
                address: Self.proxy)
            _ = await app.call(
                "GET", "/v1/auth/profile", headers: ["traceparent": "00-\(Self.caller)-\(Self.callersSpan)-00"],
                address: Self.proxy)
            let none = try await spans(app, collector)
            #expect(none.isEmpty && collector.messages.isEmpty)
            // The trace is in the log where it is not recorded.
            #expect(app.log.lines.contains { $0.contains(#""trace_id":"\#(Self.caller)""#) })
            _ = await app.call("GET", "/v1/auth/profile", headers: Self.sampled, address: Self.proxy)
            _ = await app.call("GET", "/health", headers: Self.sampled, address: Self.proxy)
            let one = try await spans(app, collector)
            #expect(one.filter { $0["kind"] == 2 }.count == 1)
        }
        try await withCollector(.sqlite) { app, collector in
            _ = await app.call(
                "GET", "/v1/auth/profile", headers: ["traceparent": "00-\(Self.caller)-\(Self.callersSpan)-00"],
                address: Self.proxy)
            let others = try await spans(app, collector)
            #expect(others.allSatisfy { $0["traceId"] != .string(Self.caller) })
        }
    }

    @Test(arguments: Engine.available, [0.0, 1])
    func `a client that is no trusted proxy neither names its trace nor decides whether it is recorded`(
        _ engine: Engine, share: Double
    ) async throws {
        try await withCollector(engine, share: share) { app, collector in
            for flags in ["00", "01"] {
                let field = ["traceparent": "00-\(Self.caller)-\(Self.callersSpan)-\(flags)"]
                _ = await app.call("GET", "/v1/auth/profile", headers: field)
                // Nor does one behind a proxy whose address it writes itself.
                _ = await app.call(
                    "GET", "/v1/auth/profile", headers: field.merging(["X-Forwarded-For": Self.proxy]) { $1 })
            }
            let requests = try await spans(app, collector).filter { $0["kind"] == 2 }
            #expect(requests.count == (share == 1 ? 4 : 0))
            #expect(requests.allSatisfy { $0["parentSpanId"] == nil && $0["traceId"] != .string(Self.caller) })
            #expect(!app.log.lines.joined().contains(Self.caller))
        }
    }

    @Test(arguments: Engine.available)
    func `a job is a trace of its own, and its log lines name it`(_ engine: Engine) async throws {
        try await withCollector(engine) { app, collector in
            // A registration sends an e-mail, which is a job.
            _ = try await app.register()
            try await app.runJobs()
            let all = try await spans(app, collector)
            let found = all.first { $0["name"] == "job mail.deliver" }
            let job = try #require(found, "\(all)")
            #expect(job["kind"] == 5 && job["parentSpanId"] == nil)
            let attributes = Self.attributes(job)
            #expect(attributes["gatehouse.job.kind"] == ["stringValue": "mail.deliver"])
            #expect(attributes["gatehouse.job.attempt"] == ["intValue": "1"])
            #expect(all.contains { $0["traceId"] == job["traceId"] && $0["parentSpanId"] == job["spanId"] })
        }
    }

    @Test(arguments: Engine.available)
    func `a request that the server fails has an error, a refused one has none`(_ engine: Engine) async throws {
        let isUnavailable = Flag()
        let wrapper: @Sendable (any Database) -> any Database = { database in
            InterceptedDatabase(
                database,
                beforeTransactions: { () throws(Problem) in
                    guard isUnavailable.isSet else { return }
                    throw StorageError(.connectionLost, code: "08006", message: "secret trouble").problem
                })
        }
        try await WebhookReceiver.with { collector in
            try await withTestApp(
                engine, databaseWrapper: wrapper,
                change: { $0.tracesEndpoint = "http://127.0.0.1:\(collector.port)" }
            ) { app in
                _ = await app.call("GET", "/v1/auth/profile", headers: Self.sampled)
                let before = try await spans(app, collector)
                let first = before.first { $0["kind"] == 2 }
                let refused = try #require(first)
                #expect(refused["status"] == [:] && Self.attributes(refused)["error.type"] == nil)
                isUnavailable.isSet = true
                let login = await app.call(
                    "POST", "/v1/auth/login", json: ["email": "a@example.org", "password": "whatever it is"])
                #expect(login.status == 503)
                let all = try await spans(app, collector)
                let last = all.last { $0["kind"] == 2 }
                let failed = try #require(last)
                #expect(failed["status"] == ["code": 2], "\(failed)")
                #expect(Self.attributes(failed)["error.type"] == ["stringValue": "503"])
                #expect(all.contains { $0["kind"] == 1 && $0["status"] == ["code": 2] })
                #expect(!collector.messages.contains { String(decoding: $0.body, as: UTF8.self).contains("trouble") })
            }
        }
    }

    @Test func `a collector that is dead harms no request`() async throws {
        // Nothing listens on the port of discard.
        try await withTestApp(.sqlite, change: { $0.tracesEndpoint = "http://127.0.0.1:9" }) { app in
            for _ in 0..<3 {
                #expect(await app.call("GET", "/v1/auth/profile").status == 401)
                await app.app.traces?.exporter.flush()
            }
            let warnings = app.log.lines.filter { $0.contains("spans could not be sent") }
            #expect(warnings.count == 1, "\(warnings)")
            #expect(!app.log.lines.joined().contains("127.0.0.1:9"))
            #expect(await app.call("GET", "/metrics").text.contains("gatehouse_trace_spans_sent_total 0\n"))
        }
    }

    @Test func `without a collector nothing is traced`() async throws {
        try await withTestApp(.sqlite) { app in
            #expect(app.app.traces == nil)
            _ = await app.call("GET", "/v1/auth/profile", headers: Self.sampled)
            #expect(!app.log.lines.joined().contains("trace_id"))
            #expect(!(await app.call("GET", "/metrics").text.contains("trace_spans")))
        }
    }

    private static func attributes(_ span: JSONValue) -> [String: JSONValue] {
        let pairs = (span["attributes"]?.array ?? []).compactMap { attribute in
            attribute["key"]?.string.flatMap { key in attribute["value"].map { (key, $0) } }
        }
        return Dictionary(pairs) { $1 }
    }
}
