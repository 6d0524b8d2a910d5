import HTTPTypes
import Modules

/// Checks credits for ``CreditRequirement``.
final class CreditGate: Sendable {
    private let database: any Database
    private let entitlements: EntitlementService
    private let credits: CreditService

    init(database: any Database, entitlements: EntitlementService, credits: CreditService) {
        self.database = database
        self.entitlements = entitlements
        self.credits = credits
    }

    /// - Throws: `subscription-required`, `credits-exhausted`.
    func charge(_ units: Int64, of payers: CreditPayers, for request: Request) async throws(Problem) -> CreditCharge {
        let snapshot = try await snapshot(for: request)
        let isTrial = snapshot.subscription.status == .trialing
        let charge = CreditCharge(
            units: units, organisation: snapshot.organisation, isTrial: isTrial,
            isCovered: payers == .trials && !isTrial)
        guard !charge.isCovered else { return charge }
        // A repeat of an admitted request passes, so that it gets its own response even where it took the last credit
        // itself.
        let operation = request.headers[.idempotencyKey].map { charge.operation(key: $0) }
        let (balance, isAdmitted) = try await database.read { [credits] transaction -> (CreditBalance, Bool) in
            let balance = try credits.balance(of: charge.organisation, in: transaction)
            guard !balance.allows(charge.units), let operation else { return (balance, false) }
            return (balance, try credits.isAdmitted(operation: operation, of: charge.organisation, in: transaction))
        }
        guard balance.allows(units) || isAdmitted else { throw charge.refusal(balance) }
        return charge
    }

    private func snapshot(for request: Request) async throws(Problem) -> EntitlementSnapshot {
        do throws(Problem) {
            return try await entitlements.snapshot(for: request)
        } catch {
            guard error.kind == .noActiveSubscription else { throw error }
            throw Problem(
                .subscriptionRequired,
                detail: "Active subscription required. Please upgrade to continue.",
                members: ["plans": "/v1/plans"])
        }
    }
}
