import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// Credits and units of a quota, taken by one request.
@Suite struct ClaimTests {
    @Test(arguments: Engine.available)
    func `credits and a quota are taken both or neither, and the first reason is told`(engine: Engine) async throws {
        try await withTrialPurse(engine) { purse in
            let till = QuotaFixture(app: purse.app, person: purse.person)
            // A trial has ten credits, and five uploads.
            let first = try await take(4, 3, "test-1", of: purse, till)
            #expect(first.count == 2)
            #expect(try await take(4, 3, "test-1", of: purse, till) == first, "the same request has what it was given")
            #expect(try await (purse.balance(), till.level()) == ([6, 4, 0], [0, 3, 2]))
            // There are credits, but no uploads; then uploads, but no credits; then neither.
            for (credits, uploads, kind) in [
                (5, 3, Problem.Kind.quotaExceeded), (6, 2, nil), (1, 1, .creditsExhausted),
            ] as [(Int64, Int64, Problem.Kind?)] {
                let refusal = await problem {
                    _ = try await take(credits, uploads, "test-\(credits)-\(uploads)", of: purse, till)
                }
                #expect(refusal?.kind == kind, "\(credits) credits, \(uploads) uploads: \(String(describing: refusal))")
            }
            #expect(try await (purse.balance(), till.level()) == ([0, 10, 0], [0, 5, 0]))
            try await purse.commit(ID(trusted: first[0]), 4)
            try await till.commit(ID(trusted: first[1]))
            #expect(try await (purse.balance(), till.level()) == ([0, 6, 0], [3, 2, 0]))
            await expectProblem(.operationConflict) { _ = try await take(4, 2, "test-1", of: purse, till) }
        }
    }

    @Test(arguments: Engine.available)
    func `a subscription covers the credits, and the quota is taken alone`(engine: Engine) async throws {
        try await withPurse(engine) { purse in
            let charge = try await purse.charge(4, of: .trials)
            #expect(purse.entitlements.credits.claim(charge, operation: "test:covered", fingerprint: "") == nil)
        }
    }

    /// Takes both, proved beforehand so that the transaction alone decides.
    private func take(_ credits: Int64, _ uploads: Int64, _ key: String, of purse: CreditFixture, _ till: QuotaFixture)
        async throws -> [String]
    {
        let credit = CreditCharge(units: credits, organisation: purse.organisation, isTrial: true, isCovered: false)
        let quota = Charge(meter: .uploads, units: uploads, snapshot: try await till.standing())
        return try await purse.database.write { [entitlements = purse.entitlements] transaction in
            let claims = [
                entitlements.credits.claim(credit, operation: "test:credits \(key)", fingerprint: "\(credits)"),
                entitlements.quotas.claim(quota, operation: "test:uploads \(key)", fingerprint: "\(uploads)"),
            ]
            return try claims.compactMap(\.self).takeAll(in: transaction)
        }
    }
}
