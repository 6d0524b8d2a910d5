import Base
import Storage

/// A database of which one step of a write fails: a statement, or the response to a commit, whose transaction stays.
final class StepFaultDatabase: DatabaseWrapper {
    let base: any Database
    private let steps: TransactionSteps

    init(_ database: any Database, _ steps: TransactionSteps) {
        base = database
        self.steps = steps
    }

    @discardableResult
    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        let (result, last) = try await base.write { [steps] transaction -> (Result, Int) in
            var last = 0
            let engine = FaultyEngine(transaction.engine) { text throws(StorageError) in
                last = TransactionSteps.next(text, after: last)
                guard steps.fails(last) else { return }
                throw StorageError(.other, code: "fault", message: "injected failure of a statement")
            }
            let result = try body(Transaction(engine: engine, now: transaction.now))
            if let failure = engine.failure { throw failure }
            return (result, last)
        }
        guard !steps.fails(TransactionSteps.next("COMMIT", after: last)) else {
            throw StorageError(.outcomeUnknown, code: "fault", message: "injected loss of the response to COMMIT")
                .problem
        }
        return result
    }
}
