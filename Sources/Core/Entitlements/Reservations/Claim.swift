package import Modules

/// One of several things that a request takes in the transaction of its work: units of a quota, or credits. Several
/// claims are taken all or none by ``Swift/Array/takeAll(in:)``.
package protocol Claim: Sendable {
    /// The position in the global lock order of the row that the claim locks: `quota/…`, `credits/…`.
    var lockKey: String { get }
    /// Takes the claim, or returns the refusal without any change. An operation key that was used for something else is
    /// the refusal `operation-conflict`.
    func take(in transaction: Transaction) throws -> ClaimResult
    /// Reverts what ``take(in:)`` did in the same transaction.
    func revert(in transaction: Transaction) throws
}

/// The result of taking a claim, with the id of its row.
package enum ClaimResult: Sendable {
    case taken(String)
    /// The same operation took the claim earlier; nothing is taken a second time.
    case takenBefore(String)
    case refused(Problem)
}

extension [any Claim] {
    /// Takes all claims or none. Rows are locked in the order of ``Claim/lockKey``, whatever the order of the claims.
    ///
    /// The order of the array decides which of several refusals is thrown.
    /// - Returns: the ids of the rows, in the order of the claims.
    /// - Throws: the first refusal; `operation-conflict`, also where some claims were taken before and others were not.
    package func takeAll(in transaction: Transaction) throws -> [String] {
        var results: [Int: ClaimResult] = [:]
        for (index, claim) in enumerated().sorted(by: { $0.element.lockKey < $1.element.lockKey }) {
            results[index] = try claim.take(in: transaction)
        }
        var ids: [String] = []
        var new: [Int] = []
        var refusals: [Problem] = []
        for index in indices {
            switch results[index] {
            case .taken(let id):
                ids.append(id)
                new.append(index)
            case .takenBefore(let id): ids.append(id)
            case .refused(let problem): refusals.append(problem)
            case nil: break
            }
        }
        let earlier = ids.count - new.count
        let isPartial = earlier > 0 && earlier < count
        let conflict =
            refusals.first { $0.kind == .operationConflict } ?? (isPartial ? Problem(.operationConflict) : nil)
        guard let refusal = conflict ?? refusals.first else { return ids }
        // The error usually rolls the transaction back. A caller that catches it and commits must not keep a part of
        // the claims.
        for index in new { try self[index].revert(in: transaction) }
        throw refusal
    }
}
