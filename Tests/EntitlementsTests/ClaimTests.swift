import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// Credits and units of a quota that one request takes.
@Suite struct ClaimTests {
    @Test(arguments: Engine.available)
    func `credits and quota are taken together or not at all, and the first refusal is returned`(engine: Engine)
        async throws
    {
        try await withTrialCreditFixture(engine) { credits in
            let quota = QuotaFixture(app: credits.app, person: credits.person)
            // A trial has ten credits, and five uploads.
            let first = try await take(4, 3, "test-1", of: credits, quota)
            #expect(first.count == 2)
            #expect(
                try await take(4, 3, "test-1", of: credits, quota) == first,
                "a repeated request returns the same reservations")
            #expect(try await (credits.balance(), quota.level()) == ([6, 4, 0], [0, 3, 2]))
            // First too few uploads; then enough of both; then neither.
            for (units, uploads, kind) in [
                (5, 3, Problem.Kind.quotaExceeded), (6, 2, nil), (1, 1, .creditsExhausted),
            ] as [(Int64, Int64, Problem.Kind?)] {
                let refusal = await problem {
                    _ = try await take(units, uploads, "test-\(units)-\(uploads)", of: credits, quota)
                }
                #expect(refusal?.kind == kind, "\(units) credits, \(uploads) uploads: \(String(describing: refusal))")
            }
            #expect(try await (credits.balance(), quota.level()) == ([0, 10, 0], [0, 5, 0]))
            try await credits.commit(ID(trusted: first[0]), 4)
            try await quota.commit(ID(trusted: first[1]))
            #expect(try await (credits.balance(), quota.level()) == ([0, 6, 0], [3, 2, 0]))
            await expectProblem(.operationConflict) { _ = try await take(4, 2, "test-1", of: credits, quota) }
        }
    }

    @Test(arguments: Engine.available)
    func `a subscription covers the credits, and only the quota is taken`(engine: Engine) async throws {
        try await withCreditFixture(engine) { credits in
            let charge = try await credits.charge(4, of: .trials)
            #expect(credits.entitlements.credits.claim(charge, operation: "test:covered", fingerprint: "") == nil)
        }
    }

    /// Takes both with prepared charges, so that the transaction alone decides.
    private func take(
        _ units: Int64, _ uploads: Int64, _ key: String, of credits: CreditFixture, _ quota: QuotaFixture
    ) async throws -> [String] {
        let creditCharge = CreditCharge(
            units: units, organisation: credits.organisation, isTrial: true, isCovered: false)
        let quotaCharge = Charge(meter: .uploads, units: uploads, snapshot: try await quota.snapshot())
        return try await credits.database.write { [entitlements = credits.entitlements] transaction in
            let claims = [
                entitlements.credits.claim(creditCharge, operation: "test:credits \(key)", fingerprint: "\(units)"),
                entitlements.quotas.claim(quotaCharge, operation: "test:uploads \(key)", fingerprint: "\(uploads)"),
            ]
            return try claims.compactMap(\.self).takeAll(in: transaction)
        }
    }
}
