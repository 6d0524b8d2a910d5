import App
import Base
import HTTPTypes
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// Somebody with credits, and the verbs that move them.
struct CreditFixture: Sendable {
    let app: TestApp
    let person: TestPerson
    var entitlements: EntitlementsModule { app.app.entitlements }
    var book: CreditService { entitlements.credits }
    var database: any Database { app.app.database }
    var organisation: ID<Organisation> { ID(trusted: person.organisation) }

    /// A proof, as the gate gives it.
    func charge(_ units: Int64 = 1, of payers: CreditPayers = .all) async throws -> CreditCharge {
        let headers: HTTPFields = [.authorization: "Bearer \(person.token)"]
        let call = Request(
            method: .post, path: "/v1/test", headers: headers, requestID: "test-request", address: "192.0.2.1",
            received: app.clock.now)
        return try await entitlements.credits(units, of: payers).check(call)
    }

    @discardableResult
    func grant(
        _ units: Int64, expiresIn days: Int64? = nil, _ operation: String = "test:\(Int.random(in: 0..<Int.max))",
        on other: (any Database)? = nil
    ) async throws -> ID<CreditLot>? {
        try await (other ?? database).write { [book, organisation] transaction in
            let end = days.map { transaction.now + .days($0) }
            return try book.grant(
                CreditGrant(units, .purchase, expiresAt: end, operation: operation), to: organisation, in: transaction)
        }
    }

    func reserve(
        _ charge: CreditCharge, _ operation: String = "test:\(Int.random(in: 0..<Int.max))",
        on other: (any Database)? = nil
    ) async throws -> ID<CreditHold> {
        let id = try await (other ?? database).write { [book] in
            try book.reserve(charge, operation: operation, fingerprint: "print of \(operation)", in: $0)
        }
        return try #require(id)
    }

    func commit(_ id: ID<CreditHold>, _ units: Int64, on other: (any Database)? = nil) async throws {
        try await (other ?? database).write { [book, organisation] in
            try book.commit(id, units: units, of: organisation, in: $0)
        }
    }

    func release(_ id: ID<CreditHold>, on other: (any Database)? = nil) async throws {
        try await (other ?? database).write { [book, organisation] in try book.release(id, of: organisation, in: $0) }
    }

    func spend(_ charge: CreditCharge, _ operation: String, on other: (any Database)? = nil) async throws {
        try await (other ?? database).write { [book] in try book.spend(charge, operation: operation, in: $0) }
    }

    /// What the door says: available, reserved and owed.
    func balance(_ location: SourceLocation = #_sourceLocation) async throws -> [Int64?] {
        let response = await app.call("GET", "/v1/credits", token: person.token)
        try #require(response.status == 200, "\(response)", sourceLocation: location)
        return [response["available"]?.integer, response["reserved"]?.integer, response["debt"]?.integer]
    }

    /// What became of the lots, in the order in which they are spent: available, reserved, consumed, expired, reversed.
    func lots() async throws -> [[Int64?]] {
        let response = await app.call("GET", "/v1/credits", token: person.token)
        return (response["lots"]?.array ?? []).map { lot in
            ["available", "reserved", "consumed", "expired", "reversed"].map { lot[$0]?.integer }
        }
    }

    func requireBalance(_ location: SourceLocation = #_sourceLocation) async throws {
        let faults = try await Invariants.faults(in: database)
        #expect(faults == [], sourceLocation: location)
    }
}

/// A system of its own, with somebody on a plan and without credits.
func withPurse(_ engine: Engine, plan: String = "pro", _ body: (CreditFixture) async throws -> Void) async throws {
    try await withTestApp(engine, change: { $0.accessTokenLifetime = .days(800) }) { app in
        let purse = CreditFixture(app: app, person: try await app.subscriber(plan))
        // From here on the schedules are known, and tick.
        try await app.runJobs()
        try await body(purse)
        try await purse.requireBalance()
    }
}

/// As ``withPurse(_:plan:_:)``, with somebody whose trial has begun: ten credits for thirty days.
func withTrialPurse(_ engine: Engine, _ body: (CreditFixture) async throws -> Void) async throws {
    try await withTestApp(engine, change: { $0.accessTokenLifetime = .days(800) }) { app in
        let purse = CreditFixture(app: app, person: try await app.onTrial())
        try await app.runJobs()
        try await body(purse)
        try await purse.requireBalance()
    }
}

extension TestApp {
    /// Somebody who has proved their address and begun their trial.
    func onTrial(_ name: String = "trying") async throws -> TestPerson {
        let person = try await register(name)
        try await app.database.write {
            try $0.execute("UPDATE people SET email_verified_at = \($0.now) WHERE id = \(person.id)")
        }
        let response = await call("POST", "/v1/payments/start-trial", token: person.token)
        guard response.status == 201 else { throw UnexpectedResponse(response) }
        return person
    }

    func extendTrial(of person: TestPerson, by days: Int) async throws {
        let administrator = try await administrator()
        let path = "/v1/payments/subscriptions/\(person.id)/extend-trial"
        let response = await call("POST", path, json: ["days": .integer(Int64(days))], token: administrator.token)
        guard response.status == 200 else { throw UnexpectedResponse(response) }
    }
}

/// A product of the tests' own, behind a front door of its own: ideas cost those a credit who try it, dreams cost everybody three, and a
/// journey holds four until it has ended.
struct CreditProductFixture: Sendable {
    let door: RequestDispatcher

    struct Receipt: Payload {
        var hold: ID<CreditHold>?
        var remaining: Int64
    }

    init(_ app: TestApp) {
        let (identity, entitlements, database) = (app.app.identity, app.app.entitlements, app.app.database)
        let book = entitlements.credits
        @Sendable func spend(_ charge: CreditCharge, _ key: String?) async throws -> Receipt {
            let operation = charge.operation(key: key ?? "test-\(Int.random(in: 0..<Int.max))")
            return try await database.write { transaction in
                try book.spend(charge, operation: operation, in: transaction)
                return Receipt(remaining: try book.balance(of: charge.organisation, in: transaction).available)
            }
        }
        let routes: [Route] = [
            .post("ideas", "Have an idea", requires: identity.member, entitlements.credits(1), .header(.idempotencyKey))
            { _, charge, key in
                Created(try await spend(charge, key))
            },
            .post(
                "dreams", "Have a dream", requires: identity.member, entitlements.credits(3, of: .all),
                .header(.idempotencyKey)
            ) { _, charge, key in
                Created(try await spend(charge, key))
            },
            .post(
                "journeys", "Begin a journey", requires: identity.member, entitlements.credits(4),
                .header(.idempotencyKey), problems: [.operationConflict]
            ) {
                (request: PlanChoice, scope, charge, key) in
                let operation = charge.operation(key: key ?? "test-\(Int.random(in: 0..<Int.max))")
                let receipt = try await database.write { transaction in
                    let hold = try book.reserve(
                        charge, operation: operation, fingerprint: request.plan, in: transaction)
                    return Receipt(
                        hold: hold, remaining: try book.balance(of: scope.organisation, in: transaction).available)
                }
                return Created(receipt)
            },
        ]
        door = RequestDispatcher(
            routes: routes, corsOrigins: [], metrics: app.app.metrics, logger: app.app.logger, runtime: .system)
    }
}
