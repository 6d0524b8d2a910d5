import App
import Base
import Modules
import TestKit
import Testing

/// What `/ready` tells whom, and what the documents and `/ready` cost.
@Suite struct ReadinessTests {
    @Test(arguments: Engine.available)
    func `the counts of jobs are for administrators and METRICS_TOKEN`(_ engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.metricsToken = "the-metrics-token" }) { app in
            let person = try await app.register()
            let administrator = try await app.administrator()
            let database = engine == .sqlite ? "sqlite" : "postgresql"
            for token in [nil, person.token, "made.up.token", "the-metrics-tokeN"] as [String?] {
                let response = await app.call("GET", "/ready", token: token)
                #expect(response.status == 200)
                #expect(response.json == ["status": "ready", "database": .string(database)], "\(response)")
            }
            for token in [administrator.token, "the-metrics-token"] {
                let response = await app.call("GET", "/ready", token: token)
                #expect((response["jobs_waiting"]?.integer ?? 0) > 0, "the e-mail that verifies an address")
                #expect(response["jobs_running"] == 0 && response["jobs_dead"] == 0, "\(response)")
                #expect(response.headers["cache-control"] == "no-store")
            }
        }
    }

    @Test(arguments: ["Bearer the-token", "Bearer    the-token", "bearer \t the-token"])
    func `METRICS_TOKEN may follow several spaces, as other bearer tokens may`(_ credential: String) async throws {
        try await withTestApp(.sqlite, change: { $0.metricsToken = "the-token" }) { app in
            for (header, status) in [(credential, 200), (credential + "s", 401), ("Basic the-token", 401)] {
                let metrics = await app.call("GET", "/metrics", headers: ["Authorization": header])
                #expect(metrics.status == status, "\(header)")
                let ready = await app.call("GET", "/ready", headers: ["Authorization": header])
                #expect((ready["jobs_dead"] == 0) == (status == 200), "\(header): \(ready)")
            }
            #expect(await app.call("GET", "/metrics").status == 401)
        }
    }

    @Test(arguments: Engine.available)
    func `ready is 503 while writes fail, until one succeeds`(_ engine: Engine) async throws {
        let isFull = Flag()
        try await withTestApp(engine, databaseWrapper: { InterceptedDatabase($0, isFull: isFull) }) { app in
            func register(_ name: String) async -> Int {
                await app.call(
                    "POST", "/v1/auth/register",
                    json: ["email": .string("\(name)@example.org"), "password": .string(TestApp.password)]
                ).status
            }
            #expect(await app.call("GET", "/ready").status == 200)
            isFull.isSet = true
            #expect(await register("first") == 503)
            let refused = await app.call("GET", "/ready")
            #expect(refused.status == 503 && refused.code == "not-ready")
            #expect(refused.headers["retry-after"] == "5" && refused.headers["cache-control"] == "no-store")
            #expect(await app.call("GET", "/health").status == 200)
            #expect(await app.call("GET", "/v1/plans").status == 200)
            isFull.isSet = false
            #expect(await register("first") == 201)
            #expect(await app.call("GET", "/ready").status == 200)
            // A node that gets no requests is tried again.
            isFull.isSet = true
            #expect(await register("second") == 503)
            #expect(await app.call("GET", "/ready").status == 503)
            app.clock.advance(by: MonitoredDatabase.failureLifetime)
            #expect(await app.call("GET", "/ready").status == 200)
            #expect(await register("second") == 503)
            #expect(await app.call("GET", "/ready").status == 503)
        }
    }

    @Test(arguments: Engine.available)
    func `a conflict is no failure of the database`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let again = await app.call(
                "POST", "/v1/auth/register",
                json: ["email": .string(person.email), "password": .string(TestApp.password)])
            #expect(again.status == 409)
            #expect(await app.call("GET", "/ready").status == 200)
        }
    }

    @Test(arguments: [["/docs", "/openapi.json", "/docs/style.css", "/problems/not-found"], ["/ready"]])
    func `the documents and ready have a rate by network`(_ paths: [String]) async throws {
        try await withTestApp(.sqlite, change: { $0.limitsRates = true }) { app in
            for turn in 0..<120 {
                #expect(await app.call("GET", paths[turn % paths.count]).status == 200)
            }
            for path in paths {
                let refused = await app.call("GET", path)
                #expect(refused.status == 429 && refused.code == "rate-limited", "\(path)")
                #expect(refused.headers["retry-after"] == "1")
            }
            #expect(await app.call("GET", "/health").status == 200)
            #expect(await app.call("GET", "/v1/plans").status == 200)
            #expect(await app.call("GET", paths[0], address: "192.0.2.2").status == 200)
            app.clock.advance(by: .milliseconds(500))
            #expect(await app.call("GET", paths[0]).status == 200)
        }
    }
}

extension InterceptedDatabase {
    /// A database whose disk is full while `isFull` is set.
    fileprivate convenience init(_ base: any Database, isFull: Flag) {
        self.init(
            base,
            beforeCommits: { _ in
                if isFull.isSet { throw StorageError(.full, code: "13", message: "the disk is full") }
            })
    }
}
