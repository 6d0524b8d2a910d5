import App
import Base
import Modules
import TestKit
import Testing

@testable import Entitlements

/// Reservations that were settled some time ago are deleted; what was committed is known by its usage entry.
@Suite struct SettledReservationTests {
    private static let path = "/v1/entitlements/reservations"
    private let workflows = Meter("workflows", title: "Workflow")

    @Test(arguments: Engine.available)
    func `a settled reservation is deleted after two days, and a repeat is answered from its usage entry`(
        engine: Engine
    ) async throws {
        try await withQuotaFixture(engine, plan: "student") { quota in
            func call(_ path: String, _ body: JSONValue? = nil) async throws -> TestResponse {
                await quota.app.call("POST", path, json: body, headers: try await quota.service())
            }
            func hold(_ operation: String, _ units: Int64 = 4) -> JSONValue {
                ["meter": "workflows", "units": .integer(units), "operation": .string(operation)]
            }
            var ids: [String: String] = [:]
            for operation in ["committed", "released", "expired", "held"] {
                let lease: Int64 = operation == "held" ? 86_400 : 60
                let body: JSONValue = [
                    "meter": "workflows", "units": 4, "operation": .string(operation), "lease_seconds": .integer(lease),
                ]
                ids[operation] = try await call(Self.path, body)["id"]?.string
            }
            let (committed, released) = (try #require(ids["committed"]), try #require(ids["released"]))
            #expect(try await call("\(Self.path)/\(committed)/commit", ["units": 3]).status == 200)
            #expect(try await call("\(Self.path)/\(released)/release").status == 200)
            let work = try await quota.reserve(try await quota.charge(workflows), "test:work")
            try await quota.commit(work)
            quota.app.clock.advance(by: .minutes(2))
            try await quota.entitlements.recovery.recover()

            let settled = quota.entitlements.settled
            quota.app.clock.advance(by: SettledReservationService.settledKept - .minutes(2))
            #expect(try await settled.deleteOld() == 0)
            quota.app.clock.advance(by: .seconds(1))
            #expect(try await settled.deleteOld() == 3)
            #expect(try await quota.count("reservations") == 2)
            try await quota.requireInvariants()
            let level = try await quota.level(workflows)

            let again = try await call(Self.path, hold("committed"))
            #expect(
                again.status == 201 && again["id"]?.string == committed && again["state"] == "committed"
                    && again["used"] == 3, "\(again)")
            #expect(
                try await call(Self.path, ["meter": "uploads", "operation": "committed"]).code == "operation-conflict")
            let commit = "\(Self.path)/\(committed)/commit"
            for body in [nil, ["units": 3]] as [JSONValue?] {
                let repeated = try await call(commit, body)
                #expect(repeated.status == 200 && repeated["used"] == 3, "\(repeated)")
            }
            #expect(try await call(commit, ["units": 4]).code == "reservation-settled")
            #expect(try await call("\(Self.path)/\(committed)/release").code == "reservation-settled")
            #expect(try await call("\(Self.path)/\(released)/commit").status == 404)
            // Another key, or another organisation, does not find it.
            let other = try await quota.app.serviceKey().headers(in: quota.person.organisation)
            #expect(await quota.app.call("POST", commit, headers: other).status == 404)
            let charge = try await quota.charge(workflows)
            #expect(try await quota.reserve(charge, "test:work") == work)
            #expect(try await quota.level(workflows) == level)

            // What was released is reserved anew.
            let anew = try await call(Self.path, hold("released"))
            #expect(anew.status == 201 && anew["id"]?.string != released && anew["state"] == "held", "\(anew)")
            // Work whose lease has ended can be committed for longer.
            let expired = try #require(ids["expired"])
            #expect(try await call("\(Self.path)/\(expired)/commit")["state"] == "committed")
        }
    }

    @Test(arguments: Engine.available)
    func `a reservation whose lease has ended is deleted after 35 days`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "student") { quota in
            try await quota.reserve(try await quota.charge(workflows), "test:expired")
            quota.app.clock.advance(by: QuotaService.lease + .seconds(1))
            try await quota.entitlements.recovery.recover()
            quota.app.clock.advance(by: SettledReservationService.expiredKept)
            #expect(try await quota.entitlements.settled.deleteOld() == 0)
            quota.app.clock.advance(by: .seconds(1))
            #expect(try await quota.entitlements.settled.deleteOld() == 1)
            #expect(try await quota.count("reservations") == 0)
        }
    }
}
