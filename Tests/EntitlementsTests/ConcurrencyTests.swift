import App
import Base
import Entitlements
import HTTPTypes
import Identity
import Modules
import TestKit
import Testing

/// A product of which a plan allows so many at once.
private struct ConcurrencyFixture: Sendable {
    let till: QuotaFixture
    let door: RequestDispatcher

    init(_ till: QuotaFixture) async throws {
        self.till = till
        try await till.database.write { transaction in
            try transaction.execute(
                "CREATE TABLE workshop_sessions (id TEXT PRIMARY KEY NOT NULL, organisation_id TEXT NOT NULL, ended_at \(.integer)) \(.strict)"
            )
        }
        let (database, entitlements, identity) = (till.database, till.entitlements, till.app.app.identity)
        let route = Route.post(
            "workshop/sessions", "Begin a session", requires: identity.member, entitlements.concurrency(.agents)
        ) { _, place in
            try await database.write { transaction in
                try entitlements.concurrency.take(place, in: transaction)
                try transaction.execute(
                    "INSERT INTO workshop_sessions (id, organisation_id) VALUES (\(Runtime.system.id(of: ConcurrencyFixture.self)), \(place.organisation))"
                )
            }
            return NoContent()
        }
        door = RequestDispatcher(
            routes: [route], corsOrigins: [], metrics: till.app.app.metrics, logger: till.app.app.logger,
            runtime: .system)
    }

    func begin(as person: TestPerson? = nil) async -> TestResponse {
        var head = HTTPRequest(method: .post, scheme: "http", authority: "localhost", path: "/v1/workshop/sessions")
        head.headerFields[.authorization] = "Bearer \((person ?? till.person).token)"
        return await TestResponse(door.respond(to: head, body: RequestBody(bytes: []), address: "192.0.2.1"))
    }

    func end(_ count: Int) async throws {
        try await till.database.write { [organisation = till.organisation] transaction in
            try transaction.execute(
                """
                UPDATE workshop_sessions SET ended_at = \(transaction.now) WHERE id IN
                    (SELECT id FROM workshop_sessions WHERE organisation_id = \(organisation) AND ended_at IS NULL LIMIT \(count))
                """
            )
        }
    }

    func living() async throws -> Int64 {
        try await till.count("workshop_sessions WHERE organisation_id = \(till.organisation) AND ended_at IS NULL")
    }
}

extension Concurrency {
    fileprivate static let agents = Concurrency("agents", of: "sessions") {
        "FROM workshop_sessions WHERE organisation_id = \($0) AND ended_at IS NULL"
    }
}

@Suite struct ConcurrencyTests {
    @Test(arguments: Engine.available)
    func `five may live at once, and a sixth when one of them has ended`(engine: Engine) async throws {
        try await withTill(engine, plan: "student") { till in
            let workshop = try await ConcurrencyFixture(till)
            for _ in 0..<5 { #expect(await workshop.begin().status == 204) }
            let refused = await workshop.begin()
            #expect(refused.status == 429 && refused.code == "concurrency-limit", "\(refused)")
            #expect(refused["error"] == "Rate limit exceeded. Maximum 5 active sessions allowed.")
            #expect(refused["limit"] == 5)
            #expect(try await workshop.living() == 5)
            // Another organisation has its own five.
            let other = try await till.app.subscriber("student", "other")
            #expect(await workshop.begin(as: other).status == 204)
            try await workshop.end(1)
            #expect(await workshop.begin().status == 204)
            #expect(await workshop.begin().status == 429)
            try await till.app.put(till.person, on: "employee")
            #expect(await workshop.begin().status == 204)
            #expect(try await workshop.living() == 6)
        }
    }

    @Test(arguments: Engine.available)
    func `a plan that does not know them has none, one without a limit as many as come`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let workshop = try await ConcurrencyFixture(till)
            let refused = await workshop.begin()
            #expect(refused.status == 429 && refused["limit"] == 0, "\(refused)")
            let stranger = try await till.app.register("stranger")
            #expect(await workshop.begin(as: stranger).code == "no-active-subscription")
            try await till.app.put(till.person, on: "enterprise")
            for _ in 0..<8 { #expect(await workshop.begin().status == 204) }
        }
    }

    @Test(arguments: Engine.available, [0, 4])
    func `of ten at once exactly as many are admitted as there is room for`(engine: Engine, before: Int) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 10 }) { app in
            let till = QuotaFixture(app: app, person: try await app.subscriber("student"))
            let workshop = try await ConcurrencyFixture(till)
            for _ in 0..<before { #expect(await workshop.begin().status == 204) }
            // The proofs are made first, so that all of them come to the transaction with one in their hands.
            let call = Request(
                method: .post, path: "/v1/test", headers: [.authorization: "Bearer \(till.person.token)"],
                requestID: "test-request", address: "192.0.2.1",
                received: app.clock.now)
            let place = try await till.entitlements.concurrency(.agents).check(call)
            let admitted = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        let refusal = await problem {
                            try await till.database.write { [entitlements = till.entitlements] transaction in
                                try entitlements.concurrency.take(place, in: transaction)
                                try transaction.execute(
                                    "INSERT INTO workshop_sessions (id, organisation_id) VALUES (\(Runtime.system.id(of: ConcurrencyFixture.self)), \(place.organisation))"
                                )
                            }
                        }
                        return refusal == nil
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(admitted == 5 - before)
            #expect(try await workshop.living() == 5)
            // By the front door it is no different.
            try await workshop.end(1)
            let statuses = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<10 { group.addTask { await workshop.begin().status } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 204 } == 1 && statuses.count { $0 == 429 } == 9, "\(statuses)")
            #expect(try await workshop.living() == 5)
        }
    }
}
