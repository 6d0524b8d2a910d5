import App
import Base
import Foundation
import Greetings
import Modules
import TestKit
import Testing

/// A server with the product of the guides, and an account on a plan with two greetings a month.
struct GreetingsFixture: Sendable {
    let test: TestApp
    let account: TestPerson
    private let dispatcher: RequestDispatcher
    private let runner: JobRunner

    static let plans = """
        meters: { greetings: Greeting }
        plans:
          - { id: free, name: Free, start: anyone, limits: { greetings: 2 }, file_mb: 1, storage_mb: 1 }
        """

    /// Wires the module as `buildApp` wires the modules of the server.
    init(_ test: TestApp) async throws {
        self.test = test
        let app = test.app
        let runtime = Runtime(now: { test.clock.now }, randomBytes: Runtime.system.randomBytes)
        try await Migrator(allMigrations + GreetingModule.migrations).run(on: app.database)
        let module = GreetingModule(
            database: app.database, identity: app.identity, entitlements: app.entitlements, queue: app.queue,
            runtime: runtime)
        dispatcher = RequestDispatcher(
            routes: module.routes, corsOrigins: [], metrics: app.metrics, logger: app.logger, runtime: runtime)
        runner = JobRunner(
            database: app.database, workers: module.workers, schedules: module.schedules, queue: app.queue,
            metrics: app.metrics, logger: app.logger, runtime: runtime)
        account = try await test.subscriber("free")
    }

    func order(_ name: String, as account: TestPerson? = nil) async -> TestResponse {
        await test.call(
            "POST", "/v1/greetings", json: ["name": .string(name)], token: (account ?? self.account).token,
            through: dispatcher)
    }

    func get(_ path: String, token: String?) async -> TestResponse {
        await test.call("GET", path, token: token, through: dispatcher)
    }

    func runJobs() async throws { try await runner.runUntilIdle() }

    /// The meter's used and reserved units.
    func level() async -> [Int64?] {
        let meter = await test.call("GET", "/v1/usage", token: account.token)["meters"]?["greetings"]
        return [meter?["used"]?.integer, meter?["held"]?.integer]
    }

    func requireInvariants() async throws {
        let faults = try await (allInvariants + GreetingModule.invariants).faults(in: test.app.database)
        #expect(faults == [])
    }
}

func withGreetings(_ engine: Engine, _ body: (GreetingsFixture) async throws -> Void) async throws {
    let file = FileManager.default.temporaryDirectory.appending(
        path: "plans-\(Hex.encode(Runtime.system.randomBytes(8))).yaml")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(GreetingsFixture.plans.utf8).write(to: file)
    try await withTestApp(engine, change: { $0.plansFile = file.path }) { test in
        let fixture = try await GreetingsFixture(test)
        try await body(fixture)
        try await fixture.requireInvariants()
    }
}
