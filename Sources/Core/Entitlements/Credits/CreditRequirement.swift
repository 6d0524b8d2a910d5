import HTTPTypes
package import Identity
package import Modules

extension EntitlementsModule {
    /// Requires a trial with `units` credits left, or a subscription; the proof is spent by ``CreditService/reserve(_:operation:fingerprint:in:)``
    /// or ``CreditService/spend(_:operation:in:)``.
    /// - Parameter payers: whose credits are taken; a subscription covers the work of subscribers otherwise.
    package func credits(_ units: Int64, of payers: CreditPayers = .trials) -> CreditRequirement {
        precondition(units > 0, "a door that costs nothing says so by asking for no credits")
        return CreditRequirement(units: units, payers: payers, entitlements: self)
    }
}

/// Who pays for a door with credits.
package enum CreditPayers: Sendable {
    /// Those who try the product; a subscription covers everybody else.
    case trials
    case everybody
}

/// A trial with credits, or a subscription. Nothing is taken yet: the proof is spent in the transaction of the work, where the credits are
/// counted once more, this time for good.
package struct CreditRequirement: Requirement {
    let units: Int64
    let payers: CreditPayers
    let entitlements: EntitlementsModule
    package var phase: RequestPhase { .entitlement }
    package var problems: [Problem.Kind] { [.subscriptionRequired, .creditsExhausted] }
    package var summary: RequirementSummary { RequirementSummary(.credits, "\(units)") }

    package func check(_ call: Request) async throws(Problem) -> CreditCharge {
        let standing = try await standing(for: call)
        let isTrial = standing.subscription.status == .trialing
        let charge = CreditCharge(
            units: units, organisation: standing.organisation, isTrial: isTrial,
            isCovered: payers == .trials && !isTrial)
        guard !charge.isCovered else { return charge }
        // A request that was admitted before is let through to its own answer, although it took the last credit itself.
        let operation = call.headers[.idempotencyKey].map { charge.operation(key: $0) }
        let (balance, isKnown) = try await entitlements.database.read {
            [book = entitlements.creditService] transaction -> (CreditBalance, Bool) in
            let balance = try book.balance(of: charge.organisation, in: transaction)
            guard !balance.allows(charge.units), let operation else { return (balance, false) }
            return (balance, try book.knows(operation: operation, of: charge.organisation, in: transaction))
        }
        guard balance.allows(units) || isKnown else { throw charge.refusal(balance) }
        return charge
    }

    private func standing(for call: Request) async throws(Problem) -> EntitlementSnapshot {
        do throws(Problem) {
            return try await entitlements.standing(for: call)
        } catch {
            guard error.kind == .noActiveSubscription else { throw error }
            throw Problem(
                .subscriptionRequired,
                detail: "Prove your e-mail address to begin a trial, or start a plan: GET /v1/plans lists them.")
        }
    }
}

/// Proof that there are credits for this work, or a subscription that covers it; made by the gate and spent by ``CreditService``, once, in the
/// work's transaction.
package struct CreditCharge: Sendable {
    package let units: Int64
    package let organisation: ID<Organisation>
    let isTrial: Bool
    /// Whether the subscription covers the work: nothing is taken then.
    package let isCovered: Bool

    /// The name of an operation that its client gave the key `key`.
    package func operation(key: String) -> String { "credits:\(key)" }

    func refusal(_ balance: CreditBalance) -> Problem {
        let owed = balance.debt > 0 ? " \(balance.debt) are owed for work that took more than there was." : ""
        return Problem(
            .creditsExhausted,
            title: isTrial ? nil : "Credits exhausted. Please add more to continue.",
            detail: "This takes \(units), and \(balance.available) are there.\(owed)",
            members: ["balance": .integer(balance.available - balance.debt)]
        )
    }
}

extension Problem.Kind {
    package static let subscriptionRequired = Self("subscription-required", "Active subscription required", status: 402)
    package static let creditsExhausted = Self(
        "credits-exhausted", "Trial credits exhausted. Please upgrade to continue.", status: 403)
}
