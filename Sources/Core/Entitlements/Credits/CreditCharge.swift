package import Identity
package import Modules

/// Proof that credits are left for this work, or that a subscription covers it. The gate makes it; ``CreditService``
/// spends it once, in the transaction of the work.
package struct CreditCharge: Sendable {
    package let units: Int64
    package let organisation: ID<Organisation>
    let isTrial: Bool
    /// Whether the subscription covers the work: no credits are taken then.
    package let isCovered: Bool

    /// The operation key of a request that carries the idempotency key `key`.
    package func operation(key: String) -> String { "credits:\(key)" }

    func refusal(_ balance: CreditBalance) -> Problem {
        let sentence = isTrial ? Problem.Kind.creditsExhausted.title : "Credits exhausted. Please add more to continue."
        return Problem(
            .creditsExhausted,
            title: sentence,
            detail: sentence,
            members: ["balance": .integer(balance.available - balance.debt), "required": .integer(units)]
        )
    }
}

extension Problem.Kind {
    package static let creditsExhausted = Self(
        "credits-exhausted", "Trial credits exhausted. Please upgrade to continue.", status: 403)
}
