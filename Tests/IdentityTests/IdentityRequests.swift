import App
import Base
import Modules
import TestKit

extension TestApp {
    func count(_ sql: SQL) async throws -> Int64 { try await app.database.read { try $0.count(sql) } }

    /// The revocation reason of each session, oldest first; nil for an active one.
    func revocationReasons(of person: TestPerson) async throws -> [String?] {
        try await app.database.read { transaction in
            try transaction.all(
                "SELECT revoked_because FROM sessions WHERE person_id = \(person.id) ORDER BY created_at, id"
            ) { try $0["revoked_because"] }
        }
    }

    func refresh(_ token: String, headers: [String: String] = [:]) async -> TestResponse {
        await call("POST", "/v1/auth/refresh", json: ["refresh_token": .string(token)], headers: headers)
    }

    func signIn(_ person: TestPerson) async -> TestResponse {
        await call(
            "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": .string(person.password)])
    }

    /// Runs `body` with a second process of the installation: same data folder, database and clock.
    func withSecondProcess(change: (inout Configuration) -> Void = { _ in }, _ body: (TestApp) async throws -> Void)
        async throws
    {
        var configuration = app.configuration
        change(&configuration)
        let clock = clock
        let log = LogOutput(keepsLines: true)
        let runtime = Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
        let second = try await buildApp(
            configuration, in: AppDependencies(runtime: runtime, clock: { clock.now }, logOutput: log))
        try await attempt {
            try await body(TestApp(app: second, clock: clock, engine: engine, log: log))
        } finally: {
            await second.database.close()
        }
    }
}

extension TestResponse {
    /// The pointers of the faults in a 422 response.
    var pointers: [String] { self["errors"]?.array?.compactMap { $0["pointer"]?.string } ?? [] }
    var members: Set<String> { Set(json.object?.keys.map { $0 } ?? []) }
}
