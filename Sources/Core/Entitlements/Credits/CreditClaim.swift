import Modules

extension EntitlementsModule {
    /// Credits as one of several things that a request takes; nil where the subscription covers the work, and there is nothing to take.
    /// - Parameters: as ``CreditService/reserve(_:operation:fingerprint:in:)``.
    package func claim(_ charge: CreditCharge, operation: String, fingerprint: String) -> (any Claim)? {
        charge.isCovered
            ? nil : CreditClaim(book: creditService, charge: charge, operation: operation, fingerprint: fingerprint)
    }

    /// Units of a quota as one of several things that a request takes.
    /// - Parameters: as ``reserve(_:operation:fingerprint:terms:in:)``.
    package func claim(
        _ charge: Charge, operation: String, fingerprint: String, terms: Reservation.Terms = Reservation.Terms()
    ) -> any Claim {
        QuotaClaim(charge, operation: operation, fingerprint: fingerprint, terms: terms, of: self)
    }
}

private struct CreditClaim: Claim {
    let book: CreditService
    let charge: CreditCharge
    let operation: String
    let fingerprint: String

    var lockKey: String { "credits/\(charge.organisation)" }

    func take(in transaction: Transaction) throws -> ClaimResult {
        do {
            let (id, isNew) = try book.hold(charge, operation: operation, fingerprint: fingerprint, in: transaction)
            return isNew ? .now(id.text) : .before(id.text)
        } catch let problem as Problem where problem.kind == .creditsExhausted || problem.kind == .operationConflict {
            return .refused(problem)
        }
    }

    /// The books forget nothing: what was taken is given back by an entry of its own.
    func giveBack(in transaction: Transaction) throws {
        guard let hold = try transaction.creditHold(ofOperation: operation, of: charge.organisation) else { return }
        try book.release(hold.id, of: charge.organisation, in: transaction)
    }
}
