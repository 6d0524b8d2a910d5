package import Base
import Synchronization

/// Performs calls that wait at the same time in one transaction, and answers them after its commit.
///
/// There is no timer: a call that finds no transaction running begins one at once, and the calls that arrive during a
/// transaction share the next one. So more callers make larger transactions, not more of them.
package final class TransactionQueue<Call: Sendable, Outcome: Sendable>: Sendable {
    package struct Bounds: Sendable {
        /// Calls that may wait. A longer queue would only delay the refusal beyond clients' timeouts.
        let waitingMax: Int
        /// Calls of one transaction: the first one waits for all of them.
        let callsMax: Int
        /// Bytes of the calls of one transaction, behind which no further call joins it.
        let bytesMax: Int

        package init(waitingMax: Int = 4_096, callsMax: Int, bytesMax: Int = .max) {
            self.waitingMax = waitingMax
            self.callsMax = callsMax
            self.bytesMax = bytesMax
        }
    }

    /// Performs calls in one transaction. Its argument gives the calls: it is called inside the transaction, so that
    /// calls which arrive while that waits for the writer, or for a connection, share it. A transaction that is tried
    /// again gets the same ones.
    package typealias Body =
        @Sendable (_ calls: @escaping @Sendable () -> [Call]) async throws(Problem) -> [Result<Outcome, Problem>]

    private struct Waiter: Sendable {
        let call: Call
        let continuation: CheckedContinuation<Result<Outcome, Problem>, Never>
    }

    private struct State {
        enum Acceptance { case queued, begins, refused }

        var waiters: [Waiter] = []
        var isServing = false

        mutating func accept(_ waiter: Waiter, atMost waitingMax: Int) -> Acceptance {
            guard waiters.count < waitingMax else { return .refused }
            waiters.append(waiter)
            if isServing { return .queued }
            isServing = true
            return .begins
        }

        mutating func next(within bounds: Bounds, bytes: ((Call) -> Int)?) -> [Waiter] {
            let next = Array(waiters.prefix(count(within: bounds, bytes)))
            waiters.removeFirst(next.count)
            return next
        }

        private func count(within bounds: Bounds, _ bytes: ((Call) -> Int)?) -> Int {
            guard let bytes else { return bounds.callsMax }
            var (count, sum) = (0, 0)
            while count < min(waiters.count, bounds.callsMax), count == 0 || sum < bounds.bytesMax {
                sum += bytes(waiters[count].call)
                count += 1
            }
            return count
        }

        /// - Returns: whether calls wait for another transaction.
        mutating func endTransaction() -> Bool {
            isServing = !waiters.isEmpty
            return isServing
        }
    }

    private let bounds: Bounds
    private let refusal: String
    private let bytes: (@Sendable (Call) -> Int)?
    private let transaction: Body
    private let state = Mutex(State())

    /// - Parameters:
    ///   - refusal: the sentence for a caller where too many wait.
    ///   - bytes: of a call, for ``Bounds/bytesMax``.
    ///   - transaction: gives an outcome for each call, in their order.
    package init(
        _ bounds: Bounds, refusal: String, bytes: (@Sendable (Call) -> Int)? = nil,
        transaction: @escaping Body
    ) {
        self.bounds = bounds
        self.refusal = refusal
        self.bytes = bytes
        self.transaction = transaction
    }

    /// Calls that wait for the next transaction.
    package var waiting: Int { state.withLock { $0.waiters.count } }

    /// Performs a call, together with those that wait at the same time.
    /// - Throws: what refuses this call alone; `overloaded` where too many calls wait; what the transaction fails with.
    package func perform(_ call: Call) async throws(Problem) -> Outcome {
        let result = await withCheckedContinuation { continuation in
            let waiter = Waiter(call: call, continuation: continuation)
            switch state.withLock({ $0.accept(waiter, atMost: bounds.waitingMax) }) {
            case .queued: break
            // Detached: it serves other callers too. Its priority is above theirs, because they wait for it.
            case .begins: Task.detached(priority: .high) { await self.serve() }
            case .refused: continuation.resume(returning: .failure(.overloaded(retryAfter: 2, detail: refusal)))
            }
        }
        return try result.get()
    }

    private func serve() async {
        repeat { await serveOnce() } while state.withLock({ $0.endTransaction() })
    }

    private func serveOnce() async {
        let taken = TakenWaiters<Waiter>()
        let next: @Sendable () -> [Waiter] = { [self] in
            taken.get { state.withLock { $0.next(within: bounds, bytes: bytes) } }
        }
        let results = await results(next)
        for (waiter, result) in zip(next(), results) { waiter.continuation.resume(returning: result) }
    }

    /// The results of the calls of one transaction, or of one for each where it fails for a reason that may lie in one
    /// of them.
    private func results(_ next: @escaping @Sendable () -> [Waiter]) async -> [Result<Outcome, Problem>] {
        do throws(Problem) {
            return try await transaction { next().map(\.call) }
        } catch {
            let waiters = next()
            guard waiters.count > 1, error.mayConcernOneCall else { return waiters.map { _ in .failure(error) } }
            var results: [Result<Outcome, Problem>] = []
            for waiter in waiters {
                do throws(Problem) {
                    results += try await transaction { [waiter.call] }
                } catch {
                    results.append(.failure(error))
                }
            }
            return results
        }
    }
}

/// The waiters of a transaction, taken from the queue once.
private final class TakenWaiters<Waiter: Sendable>: Sendable {
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
    /// Whether a transaction without some of the calls need not fail for the same reason.
    fileprivate var mayConcernOneCall: Bool {
        switch (cause as? StorageError)?.kind {
        case .duplicate, .reference, .check, .serialization, .other, nil: true
        case .cancelled, .full, .fileReplaced, .damaged, .connectionLost, .outcomeUnknown, .overloaded: false
        }
    }
}
