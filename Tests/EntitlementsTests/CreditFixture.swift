import App
import Base
import HTTPTypes
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// An organisation with credits, and the operations on them.
struct CreditFixture: Sendable {
    let app: TestApp
    let person: TestPerson
    var entitlements: EntitlementsModule { app.app.entitlements }
    var service: CreditService { entitlements.credits }
    var database: any Database { app.app.database }
    var organisation: ID<Organisation> { ID(trusted: person.organisation) }

    /// The charge that the gate's check returns.
    func charge(_ units: Int64 = 1, of payers: CreditPayers = .all) async throws -> CreditCharge {
        let headers: HTTPFields = [.authorization: "Bearer \(person.token)"]
        let request = Request(
            method: .post, path: "/v1/test", headers: headers, requestID: "test-request", address: "192.0.2.1",
            received: app.clock.now)
        return try await entitlements.credits(units, of: payers).check(request)
    }

    @discardableResult
    func grant(
        _ units: Int64, expiresIn days: Int64? = nil, _ operation: String = "test:\(Int.random(in: 0..<Int.max))",
        on other: (any Database)? = nil
    ) async throws -> ID<CreditLot>? {
        try await (other ?? database).write { [service, organisation] transaction in
            let end = days.map { transaction.now + .days($0) }
            return try service.grant(
                CreditGrant(units, .grant, expiresAt: end, operation: operation), to: organisation, in: transaction)
        }
    }

    func reserve(
        _ charge: CreditCharge, _ operation: String = "test:\(Int.random(in: 0..<Int.max))",
        on other: (any Database)? = nil
    ) async throws -> ID<CreditHold> {
        let id = try await (other ?? database).write { [service] in
            try service.reserve(charge, operation: operation, fingerprint: "fingerprint of \(operation)", in: $0)
        }
        return try #require(id)
    }

    func commit(_ id: ID<CreditHold>, _ units: Int64, on other: (any Database)? = nil) async throws {
        try await (other ?? database).write { [service, organisation] in
            try service.commit(id, units: units, of: organisation, in: $0)
        }
    }

    func release(_ id: ID<CreditHold>, on other: (any Database)? = nil) async throws {
        try await (other ?? database).write { [service, organisation] in
            try service.release(id, of: organisation, in: $0)
        }
    }

    func spend(_ charge: CreditCharge, _ operation: String, on other: (any Database)? = nil) async throws {
        try await (other ?? database).write { [service] in try service.spend(charge, operation: operation, in: $0) }
    }

    /// The response of `GET /v1/credits`: available, reserved and debt.
    func balance(_ location: SourceLocation = #_sourceLocation) async throws -> [Int64?] {
        let response = await app.call("GET", "/v1/credits", token: person.token)
        try #require(response.status == 200, "\(response)", sourceLocation: location)
        return [response["available"]?.integer, response["reserved"]?.integer, response["debt"]?.integer]
    }

    /// The lots in spending order: available, reserved, consumed, expired, reversed.
    func lots() async throws -> [[Int64?]] {
        let response = await app.call("GET", "/v1/credits", token: person.token)
        return (response["lots"]?.array ?? []).map { lot in
            ["available", "reserved", "consumed", "expired", "reversed"].map { lot[$0]?.integer }
        }
    }

    func requireInvariants(_ location: SourceLocation = #_sourceLocation) async throws {
        let faults = try await Invariants.faults(in: database)
        #expect(faults == [], sourceLocation: location)
    }
}

/// Runs `body` with an application of its own and an organisation on a plan, without credits.
func withCreditFixture(_ engine: Engine, plan: String = "pro", _ body: (CreditFixture) async throws -> Void)
    async throws
{
    try await withTestApp(engine, change: { $0.accessTokenLifetime = .days(800) }) { app in
        let credits = CreditFixture(app: app, person: try await app.subscriber(plan))
        // The first run registers the schedules.
        try await app.runJobs()
        try await body(credits)
        try await credits.requireInvariants()
    }
}

/// As ``withCreditFixture(_:plan:_:)`` with an organisation on trial: ten credits for thirty days.
func withTrialCreditFixture(_ engine: Engine, _ body: (CreditFixture) async throws -> Void) async throws {
    try await withTestApp(engine, change: { $0.accessTokenLifetime = .days(800) }) { app in
        let credits = CreditFixture(app: app, person: try await app.onTrial())
        try await app.runJobs()
        try await body(credits)
        try await credits.requireInvariants()
    }
}

extension TestApp {
    /// A person with a verified e-mail address and a started trial.
    func onTrial(_ name: String = "trial") async throws -> TestPerson {
        let person = try await register(name)
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
