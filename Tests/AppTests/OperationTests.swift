import App
import Base
import Modules
import TestKit
import Testing

/// The endpoints for operators: health, readiness, metrics and the root.
@Suite struct OperationTests {
    @Test func `health responds with the status ok`() async throws {
        try await withTestApp(.sqlite) { app in
            let response = await app.call("GET", "/health")
            #expect(response.status == 200)
            #expect(response.text == #"{"status":"ok"}"#)
            #expect(response.headers["content-type"] == "application/json; charset=utf-8")
        }
    }

    @Test(arguments: Engine.available)
    func `ready reports the database`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let response = await app.call("GET", "/ready")
            #expect(response.status == 200)
            #expect(response.json == ["status": "ready", "database": engine == .sqlite ? "sqlite" : "postgresql"])
        }
    }

    @Test(arguments: Engine.available)
    func `without a database health is 200 and ready is 503`(_ engine: Engine) async throws {
        let isUnavailable = Flag()
        let wrapper: @Sendable (any Database) -> any Database = { database in
            InterceptedDatabase(
                database,
                beforeTransactions: { () throws(Problem) in
                    guard isUnavailable.isSet else { return }
                    throw StorageError(.connectionLost, code: "08006", message: "the connection was interrupted")
                        .problem
                })
        }
        try await withTestApp(engine, databaseWrapper: wrapper) { app in
            isUnavailable.isSet = true
            #expect(await app.call("GET", "/health").status == 200)
            let ready = await app.call("GET", "/ready")
            #expect(ready.status == 503)
            #expect(ready.code == "not-ready")
            #expect(ready.headers["retry-after"] == "5")
            #expect(!ready.text.contains("interrupted"))
            #expect(app.log.lines.contains { $0.contains("interrupted") })
            let metrics = await app.call("GET", "/metrics")
            #expect(metrics.status == 200)
            #expect(metrics.text.contains("gatehouse_database_reachable 0\n"))
            // A refusal by the gate that needs no database is unchanged.
            #expect(await app.call("GET", "/v1/auth/profile").status == 401)
            let login = await app.call(
                "POST", "/v1/auth/login", json: ["email": "a@example.org", "password": "whatever it is"])
            #expect(login.status == 503)
            #expect(login.code == "overloaded")
            #expect(login.headers["retry-after"] != nil)
        }
    }

    @Test(arguments: Engine.available)
    func `metrics have requests, latency, refusals, jobs and the database`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            _ = await app.call("GET", "/v1/auth/profile")
            _ = await app.call("GET", "/v1/no-such-thing-at-all")
            let response = await app.call("GET", "/metrics")
            #expect(response.status == 200)
            #expect(response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            for line in [
                #"gatehouse_http_requests_total{route="/v1/auth/profile",method="GET",status="401"} 1"#,
                #"gatehouse_http_requests_total{route="(no route)",method="GET",status="404"} 1"#,
                #"gatehouse_http_request_duration_seconds_count{route="/v1/auth/profile"} 1"#,
                #"gatehouse_http_request_duration_seconds_bucket{route="/v1/auth/profile",le="+Inf"} 1"#,
                #"gatehouse_refusals_total{code="missing-authorization"} 1"#,
                #"gatehouse_refusals_total{code="not-found"} 1"#,
                #"gatehouse_jobs{lane="mail",state="available"} 0"#,
                #"gatehouse_jobs{lane="compute",state="dead"} 0"#,
                "gatehouse_database_reachable 1", "gatehouse_clock_difference_seconds 0",
                "gatehouse_provider_events_oldest_waiting_seconds 0",
                "# TYPE gatehouse_http_request_duration_seconds histogram",
                "# TYPE gatehouse_refusals_total counter",
            ] {
                #expect(response.text.contains("\(line)\n"), "\(line)")
            }
            #expect(response.text.contains("\n# TYPE gatehouse_database_"))
            #expect(!response.text.contains("no-such-thing"))
            let lines = response.text.split(separator: "\n")
            for (before, line) in zip(lines, lines.dropFirst()) where line.hasPrefix("# TYPE gatehouse_") {
                let (name, type) = (line.split(separator: " ")[2], line.split(separator: " ")[3])
                #expect(before.hasPrefix("# HELP \(name) "), "\(name) has no text")
                #expect(name.hasSuffix("_total") == (type == "counter"), "\(line)")
            }
            for line in response.text.split(separator: "\n") where !line.hasPrefix("#") {
                #expect(
                    line.wholeMatch(of: /[a-z_]+(\{[^}]*\})? -?[0-9.e+\-]+/) != nil || line.contains("{name}"),
                    "\(line)")
            }
        }
    }

    @Test func `metrics require their token where one is configured`() async throws {
        try await withTestApp(.sqlite, change: { $0.metricsToken = "the-metrics-token" }) { app in
            for header in [
                nil, "Bearer wrong", "Bearer the-metrics-tokeN", "the-metrics-token", "bearer the-metrics-token",
                "Bearer the-metrics-token ",
            ]
                as [String?]
            {
                let response = await app.call("GET", "/metrics", headers: header.map { ["Authorization": $0] } ?? [:])
                // The name of the scheme is compared without case, and white space around a field value is ignored.
                guard header != "bearer the-metrics-token", header != "Bearer the-metrics-token " else { continue }
                #expect(response.status == 401)
                #expect(response.code == "metrics-closed")
                #expect(response.headers["www-authenticate"] == "Bearer")
            }
            #expect(await app.call("GET", "/metrics", token: "the-metrics-token").status == 200)
            // An access token, also of an administrator, is refused.
            let administrator = try await app.administrator()
            #expect(await app.call("GET", "/metrics", token: administrator.token).status == 401)
            #expect(!app.log.lines.joined().contains("the-metrics-token"))
        }
    }

    @Test func `in production metrics without a configured token are refused`() async throws {
        try await withTestApp(.sqlite, change: { $0.environment = .production }) { app in
            #expect(await app.call("GET", "/metrics").code == "metrics-closed")
            #expect(await app.call("GET", "/metrics", token: "").code == "metrics-closed")
        }
    }

    @Test func `the root responds with status, version and time`() async throws {
        try await withTestApp(.sqlite) { app in
            let response = await app.call("GET", "/")
            #expect(response["status"] == "online")
            #expect(response["version"] == .string(gatehouseVersion))
            #expect(response["timestamp"] == "2026-01-31T12:00:00Z")
        }
    }
}
