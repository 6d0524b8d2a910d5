import App
import Base
import Entitlements
import HTTPTypes
import Identity
import Modules
import TestKit
import Testing

/// An organisation with a subscription, and the operations that take units from it.
struct QuotaFixture: Sendable {
    let app: TestApp
    let person: TestPerson
    private let fixtureKey = FixtureServiceKey()
    var entitlements: EntitlementsModule { app.app.entitlements }
    var database: any Database { app.app.database }
    var organisation: ID<Organisation> { ID(trusted: person.organisation) }

    init(app: TestApp, person: TestPerson) {
        self.app = app
        self.person = person
    }

    /// The header fields of a service key with every scope, in the fixture's organisation.
    func service() async throws -> [String: String] {
        try await fixtureKey.key(in: app).headers(in: person.organisation)
    }

    /// The id of that key.
    func serviceKeyID() async throws -> String { try await fixtureKey.key(in: app).id }

    /// The charge that the gate's check returns.
    func charge(_ meter: Meter = .uploads, units: Int64 = 1, key: String? = nil, mode: QuotaMode = .durable)
        async throws -> Charge
    {
        try await entitlements.quota(meter, units: units, mode: mode).check(request(key: key))
    }

    func snapshot() async throws -> EntitlementSnapshot { try await entitlements.subscription.check(request()) }

    /// A request of the person, as the gate gets it.
    func request(key: String? = nil) -> Request {
        var headers: HTTPFields = [.authorization: "Bearer \(person.token)"]
        if let key { headers[.idempotencyKey] = key }
        return Request(
            method: .post, path: "/v1/test", headers: headers, requestID: "test-request", address: "192.0.2.1",
            received: app.clock.now)
    }

    @discardableResult
    func reserve(
        _ charge: Charge,
        _ operation: String = "test:\(Int.random(in: 0..<Int.max))",
        fingerprint: String? = nil,
        terms: Reservation.Terms = Reservation.Terms(),
        on other: (any Database)? = nil
    ) async throws -> ID<Reservation> {
        try await (other ?? database).write { [entitlements] in
            try entitlements.quotas.reserve(
                charge, operation: operation, fingerprint: fingerprint ?? "fingerprint of \(operation)", terms: terms,
                in: $0)
        }
    }

    @discardableResult
    func reserve(_ charges: [Charge], key: String, on other: (any Database)? = nil) async throws -> [ID<Reservation>] {
        try await (other ?? database).write { [entitlements] in
            try entitlements.quotas.reserve(charges, key: key, fingerprint: "fingerprint of \(key)", in: $0)
        }
    }

    @discardableResult
    func commit(_ id: ID<Reservation>, units: Int64? = nil, fence: Int64? = nil, on other: (any Database)? = nil)
        async throws -> Reservation?
    {
        try await (other ?? database).write { [entitlements] in
            try entitlements.quotas.commit(id, units: units, fence: fence, in: $0)
        }
    }

    @discardableResult
    func release(_ id: ID<Reservation>, fence: Int64? = nil, on other: (any Database)? = nil) async throws
        -> Reservation?
    {
        try await (other ?? database).write { [entitlements] in
            try entitlements.quotas.release(id, fence: fence, in: $0)
        }
    }

    func extend(_ id: ID<Reservation>, fence: Int64? = nil) async throws -> Bool {
        try await database.write { [entitlements] in try entitlements.quotas.extend(id, fence: fence, in: $0) }
    }

    func spend(_ charge: Charge, _ operation: String, on other: (any Database)? = nil) async throws {
        try await (other ?? database).write { [entitlements] in
            try entitlements.quotas.spend(charge, operation: operation, in: $0)
        }
    }

    /// A meter in the response of `GET /v1/usage`: used, held and remaining.
    func level(_ meter: Meter = .uploads) async throws -> [Int64?] {
        let usage = await app.call("GET", "/v1/usage", token: person.token)
        try #require(usage.status == 200, "\(usage)")
        let view = usage["meters"]?[meter.name]
        return [view?["used"]?.integer, view?["held"]?.integer, view?["remaining"]?.integer]
    }

    func state(_ id: ID<Reservation>) async throws -> String? {
        try await database.read { try $0.first("SELECT state FROM reservations WHERE id = \(id)") { try $0["state"] } }
    }

    func requireInvariants(_ location: SourceLocation = #_sourceLocation) async throws {
        let faults = try await Invariants.faults(in: database)
        #expect(faults == [], sourceLocation: location)
    }

    /// The number of audit events of this organisation with an action.
    func auditCount(_ action: String) async throws -> Int64 {
        try await database.read { [organisation] in
            try $0.count(
                """
                SELECT COUNT(*) AS count FROM audit_events
                WHERE action = \(action) AND organisation_id = \(organisation)
                """
            )
        }
    }
}

extension Meter {
    /// Meters of the built-in plans, with their names in the catalogue.
    static let uploads = Meter("uploads", title: "Upload")
    static let processing = Meter("processing", title: "Processing")
    static let trainingRuns = Meter("training_runs", title: "Training")
}

/// Runs `body` with an application of its own and an organisation on a plan.
func withQuotaFixture(_ engine: Engine, plan: String = "free", _ body: (QuotaFixture) async throws -> Void) async throws
{
    // Tests of periods advance the clock by months; the access token has to stay valid.
    try await withTestApp(engine, change: { $0.accessTokenLifetime = .days(800) }) { app in
        let quota = QuotaFixture(app: app, person: try await app.subscriber(plan))
        try await body(quota)
        try await quota.requireInvariants()
    }
}

/// The problem that `body` throws.
func problem(_ body: () async throws -> Void) async -> Problem? {
    do {
        try await body()
        return nil
    } catch {
        return error as? Problem ?? Problem(.internalError, cause: error)
    }
}

func expectProblem(_ kind: Problem.Kind, _ body: () async throws -> Void, location: SourceLocation = #_sourceLocation)
    async
{
    let found = await problem(body)
    #expect(found?.kind == kind, sourceLocation: location)
}
