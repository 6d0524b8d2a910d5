import App
import Base
import Entitlements
import HTTPTypes
import Identity
import Modules
import TestKit
import Testing

/// A test route with a concurrency limit: a session is a row of `test_sessions`, live until it has `ended_at`.
private struct ConcurrencyFixture: Sendable {
    let quota: QuotaFixture
    private let dispatcher: RequestDispatcher

    init(_ quota: QuotaFixture, needsSubscription: Bool = true) async throws {
        self.quota = quota
        try await quota.database.write { transaction in
            try transaction.execute(
                """
                CREATE TABLE test_sessions (
                    id TEXT PRIMARY KEY NOT NULL, organisation_id TEXT NOT NULL, ended_at \(.integer)
                ) \(.strict)
                """
            )
        }
        let (database, entitlements, identity) = (quota.database, quota.entitlements, quota.app.app.identity)
        let route = Route.post(
            "tests/sessions", "Start a session", requires: identity.member,
            entitlements.concurrency(.agents, needsSubscription: needsSubscription)
        ) { _, slot in
            try await database.write { transaction in
                try entitlements.concurrency.take(slot, in: transaction)
                try Self.insertSession(of: slot.organisation, in: transaction)
            }
            return NoContent()
        }
        dispatcher = RequestDispatcher(
            routes: [route], corsOrigins: [], metrics: quota.app.app.metrics, logger: quota.app.app.logger,
            runtime: .system)
    }

    static func insertSession(of organisation: ID<Organisation>, in transaction: Transaction) throws {
        let id = Runtime.system.id(of: ConcurrencyFixture.self)
        try transaction.execute("INSERT INTO test_sessions (id, organisation_id) VALUES (\(id), \(organisation))")
    }

    func start(as person: TestPerson? = nil) async -> TestResponse {
        var head = HTTPRequest(method: .post, scheme: "http", authority: "localhost", path: "/v1/tests/sessions")
        head.headerFields[.authorization] = "Bearer \((person ?? quota.person).token)"
        return await TestResponse(dispatcher.respond(to: head, body: RequestBody(bytes: []), address: "192.0.2.1"))
    }

    func end(_ count: Int) async throws {
        try await quota.database.write { [organisation = quota.organisation] transaction in
            try transaction.execute(
                """
                UPDATE test_sessions SET ended_at = \(transaction.now) WHERE id IN
                    (SELECT id FROM test_sessions
                    WHERE organisation_id = \(organisation) AND ended_at IS NULL LIMIT \(count))
                """
            )
        }
    }

    func liveCount() async throws -> Int64 {
        try await quota.count("test_sessions WHERE organisation_id = \(quota.organisation) AND ended_at IS NULL")
    }
}

extension Concurrency {
    fileprivate static let agents = Concurrency("agents", of: "sessions") {
        "FROM test_sessions WHERE organisation_id = \($0) AND ended_at IS NULL"
    }
}

@Suite struct ConcurrencyTests {
    @Test(arguments: Engine.available)
    func `five may be live at once, and a sixth after one has ended`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let sessions = try await ConcurrencyFixture(quota)
            for _ in 0..<5 { #expect(await sessions.start().status == 204) }
            let refused = await sessions.start()
            #expect(refused.status == 429 && refused.code == "concurrency-limit", "\(refused)")
            #expect(refused["error"] == "Rate limit exceeded. Maximum 5 active sessions allowed.")
            #expect(refused["limit"] == 5)
            #expect(try await sessions.liveCount() == 5)
            // Another organisation has its own limit.
            let other = try await quota.app.subscriber("student", "other")
            #expect(await sessions.start(as: other).status == 204)
            try await sessions.end(1)
            #expect(await sessions.start().status == 204)
            #expect(await sessions.start().status == 429)
            try await quota.app.put(quota.person, on: "employee")
            #expect(await sessions.start().status == 204)
            #expect(try await sessions.liveCount() == 6)
        }
    }

    @Test(arguments: Engine.available)
    func `a plan without the limit allows none, an unlimited plan any number`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let sessions = try await ConcurrencyFixture(quota)
            let refused = await sessions.start()
            #expect(refused.status == 429 && refused["limit"] == 0, "\(refused)")
            let unsubscribed = try await quota.app.register("unsubscribed")
            #expect(await sessions.start(as: unsubscribed).code == "no-active-subscription")
            try await quota.app.put(quota.person, on: "enterprise")
            for _ in 0..<8 { #expect(await sessions.start().status == 204) }
        }
    }

    @Test(arguments: Engine.available)
    func `work that needs no subscription has the default allowance unless the plan lists it`(engine: Engine)
        async throws
    {
        let plans = """
            default: { concurrency: { agents: 2 } }
            plans:
              - { id: free, name: Free, start: anyone, file_mb: 1, storage_mb: 1 }
              - { id: student, name: Student, concurrency: { agents: 3 }, file_mb: 1, storage_mb: 1 }
            """
        try await withPlansFile(plans) { path in
            try await withTestApp(engine, change: { $0.plansFile = path }) { app in
                let quota = QuotaFixture(app: app, person: try await app.register(isVerified: false))
                let sessions = try await ConcurrencyFixture(quota, needsSubscription: false)
                let people = [
                    (quota.person, 2), (try await app.subscriber("free"), 2), (try await app.subscriber("student"), 3),
                ]
                for (person, limit) in people {
                    for _ in 0..<limit { #expect(await sessions.start(as: person).status == 204) }
                    let refused = await sessions.start(as: person)
                    #expect(
                        refused.status == 429 && refused["limit"] == .integer(Int64(limit))
                            && refused["error"]
                                == .string("Rate limit exceeded. Maximum \(limit) active sessions allowed."),
                        "\(refused)")
                }
                #expect(try await sessions.liveCount() == 2)
                try await sessions.end(1)
                #expect(await sessions.start().status == 204)
                try await quota.requireInvariants()
            }
        }
    }

    @Test(arguments: Engine.available, [0, 4])
    func `of ten concurrent takes exactly as many as fit are admitted`(engine: Engine, before: Int) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 10 }) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("student"))
            let sessions = try await ConcurrencyFixture(quota)
            for _ in 0..<before { #expect(await sessions.start().status == 204) }
            // The gate's check runs first, so that the transactions alone decide.
            let request = Request(
                method: .post, path: "/v1/test", headers: [.authorization: "Bearer \(quota.person.token)"],
                requestID: "test-request", address: "192.0.2.1",
                received: app.clock.now)
            let slot = try await quota.entitlements.concurrency(.agents).check(request)
            let admitted = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        let refusal = await problem {
                            try await quota.database.write { [entitlements = quota.entitlements] transaction in
                                try entitlements.concurrency.take(slot, in: transaction)
                                try ConcurrencyFixture.insertSession(of: slot.organisation, in: transaction)
                            }
                        }
                        return refusal == nil
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(admitted == 5 - before)
            #expect(try await sessions.liveCount() == 5)
            // The same over HTTP.
            try await sessions.end(1)
            let statuses = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<10 { group.addTask { await sessions.start().status } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 204 } == 1 && statuses.count { $0 == 429 } == 9, "\(statuses)")
            #expect(try await sessions.liveCount() == 5)
        }
    }
}
