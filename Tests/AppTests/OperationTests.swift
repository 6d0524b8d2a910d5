import App
import Base
import Modules
import Synchronization
import TestKit
import Testing

/// The doors for those who run the service.
@Suite struct OperationTests {
    @Test func `health is exactly this`() async throws {
        try await withTestApp(.sqlite) { app in
            let response = await app.call("GET", "/health")
            #expect(response.status == 200)
            #expect(response.text == #"{"status":"ok"}"#)
            #expect(response.headers["content-type"] == "application/json; charset=utf-8")
        }
    }

    @Test(arguments: Engine.available)
    func `ready tells what it looked at`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let response = await app.call("GET", "/ready")
            #expect(response.status == 200)
            #expect(
                response.json == [
                    "status": "ready", "database": engine == .sqlite ? "sqlite" : "postgresql", "jobs_waiting": 0,
                    "jobs_running": 0, "jobs_dead": 0,
                ]
            )
        }
    }

    @Test(arguments: Engine.available)
    func `without its database it is alive and not ready`(_ engine: Engine) async throws {
        let isGone = Switch()
        try await withTestApp(engine, databaseWrapper: { VanishingDatabase(database: $0, isGone: isGone) }) { app in
            isGone.turnOn()
            #expect(await app.call("GET", "/health").status == 200)
            let ready = await app.call("GET", "/ready")
            #expect(ready.status == 503)
            #expect(ready.code == "not-ready")
            #expect(ready.headers["retry-after"] == "5")
            #expect(!ready.text.contains("vanished"))
            #expect(app.log.lines.contains { $0.contains("vanished") })
            // Who is refused by the gate alone is refused as ever.
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
                #"gatehouse_jobs{state="available"} 0"#,
                #"gatehouse_jobs{state="dead"} 0"#, "# TYPE gatehouse_http_request_duration_seconds histogram",
                "# TYPE gatehouse_refusals_total counter",
            ] {
                #expect(response.text.contains("\(line)\n"), "\(line)")
            }
            #expect(response.text.contains("\n# TYPE gatehouse_database_"))
            #expect(!response.text.contains("no-such-thing"))
            for line in response.text.split(separator: "\n") where !line.hasPrefix("#") {
                #expect(
                    line.wholeMatch(of: /[a-z_]+(\{[^}]*\})? -?[0-9.e+\-]+/) != nil || line.contains("{name}"),
                    "\(line)")
            }
        }
    }

    @Test func `metrics ask for their token where there is one`() async throws {
        try await withTestApp(.sqlite, change: { $0.metricsToken = "the-metrics-token" }) { app in
            for header in [
                nil, "Bearer wrong", "Bearer the-metrics-tokeN", "the-metrics-token", "bearer the-metrics-token",
                "Bearer the-metrics-token ",
            ]
                as [String?]
            {
                let response = await app.call("GET", "/metrics", headers: header.map { ["Authorization": $0] } ?? [:])
                // The scheme's name alone may be written either way, and white space around a value is no part of it.
                guard header != "bearer the-metrics-token", header != "Bearer the-metrics-token " else { continue }
                #expect(response.status == 401)
                #expect(response.code == "metrics-closed")
                #expect(response.headers["www-authenticate"] == "Bearer")
            }
            #expect(await app.call("GET", "/metrics", token: "the-metrics-token").status == 200)
            // Nobody's session opens them.
            let administrator = try await app.administrator()
            #expect(await app.call("GET", "/metrics", token: administrator.token).status == 401)
            #expect(!app.log.lines.joined().contains("the-metrics-token"))
        }
    }

    @Test func `in production metrics are closed without a token`() async throws {
        try await withTestApp(.sqlite, change: { $0.environment = .production }) { app in
            #expect(await app.call("GET", "/metrics").code == "metrics-closed")
            #expect(await app.call("GET", "/metrics", token: "").code == "metrics-closed")
        }
    }

    @Test func `the root says what this is`() async throws {
        try await withTestApp(.sqlite) { app in
            let response = await app.call("GET", "/")
            #expect(response["status"] == "online")
            #expect(response["version"] == .string(gatehouseVersion))
            #expect(response["timestamp"] == "2026-01-31T12:00:00Z")
        }
    }
}

private final class Switch: Sendable {
    private let state = Mutex(false)
    var isOn: Bool { state.withLock { $0 } }
    func turnOn() { state.withLock { $0 = true } }
}

/// A database that can be made to vanish.
private struct VanishingDatabase: Database {
    let database: any Database
    let isGone: Switch

    var dialect: SQL.Dialect { database.dialect }
    var gauges: [String: Double] { database.gauges }

    private func look() throws(Problem) {
        if isGone.isOn { throw StorageError(.connectionLost, code: "08006", message: "the database vanished").problem }
    }

    func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        try look()
        return try await database.read(body)
    }

    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        try look()
        return try await database.write(body)
    }

    func migrate<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        try await database.migrate(body)
    }

    func close() async { await database.close() }
}
