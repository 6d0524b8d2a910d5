import App
import Base
import Client
import Foundation
import Modules
import TestKit
import Testing

/// The database's file, the clock and signals: what a running server does when the things around it fail.
@Suite struct FailureTests {
    @Test func `writes are refused and the server is not ready after its file was replaced`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            let path = String(app.app.configuration.databaseURL.dropFirst("sqlite:".count))
            try FileManager.default.moveItem(atPath: path, toPath: path + ".old")
            try FileManager.default.copyItem(atPath: path + ".old", toPath: path)
            let refused = await app.call(
                "POST", "/v1/auth/register",
                json: ["email": "late@example.org", "password": .string(TestApp.password)])
            #expect((refused.status, refused.code) == (503, "overloaded"))
            #expect(refused.headers["retry-after"] == "10")
            #expect(!refused.text.contains(path))
            let ready = await app.call("GET", "/ready")
            #expect((ready.status, ready.code) == (503, "not-ready"))
            #expect(app.log.lines.contains { $0.contains("put the file back") })
            #expect(await app.call("GET", "/health").status == 200)
            // Back in its place, the same file is used again.
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.moveItem(atPath: path + ".old", toPath: path)
            let login = await app.call(
                "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": .string(person.password)])
            #expect(login.status == 200)
            #expect(await app.call("GET", "/ready").status == 200)
        }
    }

    @Test func `a start without the database that the data folder was used with is refused`() async throws {
        try await withTestApp(.sqlite) { app in
            var configuration = app.app.configuration
            configuration.dataFolder += "/second"
            let path = "\(configuration.dataFolder)/gatehouse.db"
            configuration.databaseURL = "sqlite:\(path)"
            let first = try await buildApp(configuration, in: AppDependencies(logOutput: LogOutput(keepsLines: true)))
            await first.close()
            for name in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + name) }
            let dependencies = AppDependencies(logOutput: LogOutput(keepsLines: true))
            for isEmpty in [false, true] {
                if isEmpty { _ = FileManager.default.createFile(atPath: path, contents: nil) }
                let refusal = await #expect(throws: MissingDatabase.self) {
                    try await buildApp(configuration, in: dependencies).close()
                }
                #expect(refusal?.description.contains(path) == true)
                #expect(refusal?.description.contains("--new") == true)
            }
            let installation = TestApp(app: first, clock: app.clock, engine: .sqlite, log: app.log)
            let command = try await AuditCommandTests.run(["migrate"], on: installation)
            #expect(command.status == 1 && command.errors.contains("--new"), "\(command)")
            configuration.allowsNewDatabase = true
            try await buildApp(configuration, in: dependencies).close()
            configuration.allowsNewDatabase = false
            try await buildApp(configuration, in: dependencies).close()
        }
    }

    @Test func `the process ends with an error after its file was removed`() async throws {
        try await withDatabasePlace(.sqlite) { place in
            try await withServer(on: place) { server in
                let client = try await ClientFixture.register(at: server, password: TestApp.password)
                #expect(try await client.send(server, .get, "/ready").status == 200)
                try FileManager.default.removeItem(atPath: place.address)
                #expect(await server.exitStatus() == 1)
                #expect(server.output.contains("is not in its place"))
                #expect(server.output.contains("put the file back"))
            }
        }
    }

    @Test func `the process ends after the index of its WAL was removed, and the next start finds every write`()
        async throws
    {
        try await withDatabasePlace(.sqlite) { place in
            try await withServer(on: place) { server in
                _ = try await ClientFixture.register(at: server, password: TestApp.password)
                try FileManager.default.removeItem(atPath: place.address + "-shm")
                #expect(await server.exitStatus() == 1)
                #expect(server.output.contains("the index is made anew"))
            }
            let database = try place.open()
            let accounts = try await database.read { try $0.count("SELECT COUNT(*) AS count FROM people") }
            #expect(accounts == 1)
            await database.close()
        }
    }

    @Test(arguments: Engine.available)
    func `after SIGTERM the server is not ready, and a second signal ends it at once`(_ engine: Engine) async throws {
        try await withDatabasePlace(engine) { place in
            try await withServer(on: place, ["DRAIN_GRACE": "50", "SHUTDOWN_TIMEOUT": "60"]) { server in
                let client = try await ClientFixture.register(at: server, password: TestApp.password)
                #expect(try await client.send(server, .get, "/ready").status == 200)
                server.send(SIGTERM)
                var ready = try await client.send(server, .get, "/ready")
                for _ in 0..<500 where ready.status == 200 { ready = try await client.send(server, .get, "/ready") }
                #expect(ready.status == 503)
                #expect(ready.json?["code"]?.string == "not-ready")
                // Requests are served until DRAIN_GRACE is over.
                #expect(try await client.send(server, .get, "/v1/auth/profile").status == 200)
                server.send(SIGTERM)
                #expect(await server.exitStatus() == 128 + SIGTERM)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `SIGTERM ends an idle server without an error`(_ engine: Engine) async throws {
        try await withDatabasePlace(engine) { place in
            try await withServer(on: place, ["DRAIN_GRACE": "0"]) { server in
                server.send(SIGTERM)
                #expect(await server.exitStatus() == 0)
                #expect(server.output.contains("the process is stopping"))
                #expect(!server.output.contains("SHUTDOWN_TIMEOUT is over"))
            }
        }
    }

    @Test(arguments: Engine.available)
    func `after the start of a shutdown ready is 503 and requests are served`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            app.app.shutdown.begin()
            let ready = await app.call("GET", "/ready")
            #expect((ready.status, ready.code) == (503, "not-ready"))
            _ = try await app.register()
        }
    }

    @Test(arguments: Engine.available)
    func `a clock that differs from the database's is reported, and then issues no tokens`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            try await withClock(behindBy: .seconds(31), app) { node in
                let ready = await node.call("GET", "/ready")
                #expect((ready["status"], ready["clock_difference_seconds"]) == ("degraded", -31))
                #expect(await node.call("GET", "/metrics").text.contains("gatehouse_clock_difference_seconds -31\n"))
                #expect(node.log.lines.contains { $0.contains("clock differs from the database's") })
                let login = await node.call(
                    "POST", "/v1/auth/login",
                    json: ["email": .string(person.email), "password": .string(person.password)])
                #expect(login.status == 200)
            }
            try await withClock(behindBy: .minutes(-3), app) { node in
                #expect(await node.call("GET", "/ready")["clock_difference_seconds"] == 180)
                let sessions = try await sessionCount(app)
                for (path, json) in [
                    ("login", ["email": .string(person.email), "password": .string(person.password)]),
                    ("register", ["email": "new@example.org", "password": .string(TestApp.password)]),
                    ("refresh", ["refresh_token": .string(person.refreshToken)]),
                ] as [(String, JSONValue)] {
                    let refused = await node.call("POST", "/v1/auth/\(path)", json: json)
                    #expect((refused.status, refused.code) == (503, "overloaded"), "\(path)")
                    #expect(refused.headers["retry-after"] == "30")
                }
                #expect(try await sessionCount(app) == sessions)
                // The refresh token was not spent.
                let refreshed = await app.call(
                    "POST", "/v1/auth/refresh", json: ["refresh_token": .string(person.refreshToken)])
                #expect(refreshed.status == 200)
                let unknown = await app.call(
                    "POST", "/v1/auth/login", json: ["email": "new@example.org", "password": .string(TestApp.password)])
                #expect(unknown.status == 401)
            }
        }
    }

    private func sessionCount(_ app: TestApp) async throws -> Int64 {
        try await app.app.database.read { try $0.count("SELECT COUNT(*) AS count FROM sessions") }
    }

    /// Runs `body` with another node on the database of `app`, whose own clock differs.
    private func withClock(behindBy duration: Duration, _ app: TestApp, _ body: (TestApp) async throws -> Void)
        async throws
    {
        let clock = app.clock
        let log = LogOutput(keepsLines: true)
        let runtime = Runtime(now: { clock.now - duration }, randomBytes: Runtime.system.randomBytes)
        let node = try await buildApp(
            app.app.configuration, in: AppDependencies(runtime: runtime, clock: { clock.now }, logOutput: log))
        try await attempt {
            try await body(TestApp(app: node, clock: clock, engine: app.engine, log: log))
        } finally: {
            await node.close()
        }
    }

    private func withServer(
        on place: TestDatabaseLocation, _ environment: [String: String] = [:],
        _ body: (ServerProcess) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "gatehouse-failure-\(Hex.encode(Runtime.system.randomBytes(6)))")
        defer { try? FileManager.default.removeItem(at: folder) }
        let server = try await ServerProcess.start(
            folder: folder, database: place.configurationURL, environment: environment)
        defer { server.kill() }
        try await body(server)
    }
}
