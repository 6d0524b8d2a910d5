import Modules

/// A claim of credits.
struct CreditClaim: Claim {
    let credits: CreditService
    let charge: CreditCharge
    let operation: String
    let fingerprint: String

    var lockKey: String { "credits/\(charge.organisation)" }

    func take(in transaction: Transaction) throws -> ClaimResult {
        do {
            let (id, isNew) = try credits.reserveOnce(
                charge, operation: operation, fingerprint: fingerprint, in: transaction)
            return isNew ? .taken(id.text) : .takenBefore(id.text)
        } catch let problem as Problem where problem.kind == .creditsExhausted || problem.kind == .operationConflict {
            return .refused(problem)
        }
    }

    /// Postings are not deleted: the hold is released by a posting of its own.
    func revert(in transaction: Transaction) throws {
        guard let hold = try transaction.creditHold(ofOperation: operation, of: charge.organisation) else { return }
        try credits.release(hold.id, of: charge.organisation, in: transaction)
    }
}
