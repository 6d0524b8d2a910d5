import Modules
import Synchronization

/// Performs calls that wait at the same time in one transaction, with one statement for each table, and answers them
/// after its commit.
///
/// There is no timer: a call that finds no transaction running begins one at once, and the calls that arrive during a
/// transaction share the next one. So more callers make larger transactions, not more of them, and one bucket is locked
/// once for all of its callers.
final class QuotaQueue: Sendable {
    /// Calls that may wait. A longer queue would only delay the refusal beyond clients' timeouts.
    static let waitingMax = 4_096
    /// Calls of one transaction: the first one waits for all of them.
    static let callsMax = 512
    /// Transactions for the same calls.
    static let triesMax = 8

    private struct Waiter: Sendable {
        let call: QuotaCall
        let continuation: CheckedContinuation<Result<QuotaOutcome, Problem>, Never>
    }

    private struct State {
        enum Acceptance { case queued, begins, refused }

        var waiters: [Waiter] = []
        var isServing = false

        mutating func accept(_ waiter: Waiter) -> Acceptance {
            guard waiters.count < waitingMax else { return .refused }
            waiters.append(waiter)
            if isServing { return .queued }
            isServing = true
            return .begins
        }

        mutating func next() -> [Waiter] {
            let next = Array(waiters.prefix(callsMax))
            waiters.removeFirst(next.count)
            return next
        }

        /// - Returns: whether calls wait for another transaction.
        mutating func endTransaction() -> Bool {
            isServing = !waiters.isEmpty
            return isServing
        }
    }

    let batches: QuotaBatchService
    private let database: any Database
    private let state = Mutex(State())

    init(database: any Database, batches: QuotaBatchService) {
        self.database = database
        self.batches = batches
    }

    /// Calls that wait for the next transaction.
    var waiting: Int { state.withLock { $0.waiters.count } }

    /// Performs a call, together with those that wait at the same time.
    /// - Throws: what refuses this call alone; `overloaded` where too many calls wait; what the transaction fails with.
    func perform(_ call: QuotaCall) async throws(Problem) -> QuotaOutcome {
        let result = await withCheckedContinuation { continuation in
            switch state.withLock({ $0.accept(Waiter(call: call, continuation: continuation)) }) {
            case .queued: break
            // Detached: it serves other callers too. Its priority is above theirs, because they wait for it.
            case .begins: Task.detached(priority: .high) { await self.serve() }
            case .refused:
                continuation.resume(
                    returning: .failure(.overloaded(retryAfter: 2, detail: "Too many requests are waiting.")))
            }
        }
        return try result.get()
    }

    private func serve() async {
        repeat { await serveOnce() } while state.withLock({ $0.endTransaction() })
    }

    private func serveOnce() async {
        // The calls are taken when the transaction begins, so that those which arrive while it waits for the writer, or
        // for a connection, share it. A transaction that is tried again has the same calls.
        let taken = TakenCalls<Waiter>()
        let next: @Sendable () -> [Waiter] = { [self] in taken.get { state.withLock { $0.next() } } }
        let results = await results { next() }
        for (waiter, result) in zip(next(), results) { waiter.continuation.resume(returning: result) }
    }

    /// The results of the calls of one transaction, or of one for each where it fails for a reason that may lie in one
    /// of them.
    private func results(_ next: @escaping @Sendable () -> [Waiter]) async -> [Result<QuotaOutcome, Problem>] {
        do throws(Problem) {
            return try await tried { next().map(\.call) }
        } catch {
            let waiters = next()
            guard waiters.count > 1, error.concernsOneTransaction else { return waiters.map { _ in .failure(error) } }
            var results: [Result<QuotaOutcome, Problem>] = []
            for waiter in waiters {
                do throws(Problem) {
                    results += try await tried { [waiter.call] }
                } catch {
                    results.append(.failure(error))
                }
            }
            return results
        }
    }

    /// Runs the transaction, again where another one has changed the same rows. After a commit whose outcome is unknown
    /// it runs again too: operation keys and states tell what was committed, and a repeat changes nothing.
    private func tried(_ calls: @escaping @Sendable () -> [QuotaCall]) async throws(Problem)
        -> [Result<QuotaOutcome, Problem>]
    {
        var unknown: Problem?
        var tries = 0
        while true {
            tries += 1
            do throws(Problem) {
                return try await transaction(calls)
            } catch {
                let failure = error.cause as? StorageError
                if failure?.kind == .outcomeUnknown, unknown == nil {
                    unknown = error
                } else if failure?.code != QuotaBatchService.conflictCode || tries == Self.triesMax {
                    throw unknown ?? error
                }
            }
        }
    }

    private func transaction(_ calls: @escaping @Sendable () -> [QuotaCall]) async throws(Problem)
        -> [Result<QuotaOutcome, Problem>]
    {
        try await database.write { [batches] transaction in try batches.perform(calls(), in: transaction) }
    }
}

/// The calls of a transaction, taken from the queue once.
private final class TakenCalls<Waiter: Sendable>: Sendable {
    private let waiters = Mutex<[Waiter]?>(nil)

    func get(_ take: () -> [Waiter]) -> [Waiter] {
        waiters.withLock { waiters in
            if let waiters { return waiters }
            let taken = take()
            waiters = taken
            return taken
        }
    }
}

extension Problem {
    /// Whether another transaction need not fail for the same reason.
    fileprivate var concernsOneTransaction: Bool {
        switch (cause as? StorageError)?.kind {
        case .duplicate, .reference, .check, .serialization, .other, nil: true
        case .cancelled, .full, .fileReplaced, .damaged, .connectionLost, .outcomeUnknown, .overloaded: false
        }
    }
}
