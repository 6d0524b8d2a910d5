import Modules
import Synchronization

/// Stores the events of webhooks that wait at the same time in one transaction, with one statement, and answers them
/// after its commit.
///
/// There is no timer: an event that finds no transaction running begins one at once, and the events that arrive during
/// a transaction share the next one.
final class ProviderEventIntake: Sendable {
    /// Events that may wait. A longer queue would only delay the refusal beyond the provider's timeout.
    static let waitingMax = 4_096
    /// Events of one transaction, and the bytes of their objects: the first one waits for all of them.
    static let eventsMax = 256
    static let bytesMax = 4 << 20

    private struct Waiter: Sendable {
        let event: ProviderEvent
        let continuation: CheckedContinuation<Result<Void, Problem>, Never>
    }

    private struct State {
        enum Acceptance { case queued, begins, refused }

        private var waiters: [Waiter] = []
        private var isServing = false

        mutating func accept(_ waiter: Waiter) -> Acceptance {
            guard waiters.count < waitingMax else { return .refused }
            waiters.append(waiter)
            if isServing { return .queued }
            isServing = true
            return .begins
        }

        mutating func next() -> [Waiter] {
            var (count, bytes) = (0, 0)
            while count < min(waiters.count, eventsMax), count == 0 || bytes < bytesMax {
                bytes += waiters[count].event.object?.utf8.count ?? 0
                count += 1
            }
            let next = Array(waiters.prefix(count))
            waiters.removeFirst(count)
            return next
        }

        /// - Returns: whether events wait for another transaction.
        mutating func endTransaction() -> Bool {
            isServing = !waiters.isEmpty
            return isServing
        }
    }

    private let database: any Database
    private let write: @Sendable ([ProviderEvent], Transaction) throws -> Void
    private let state = Mutex(State())

    /// - Parameter write: stores those of the events that are new.
    init(database: any Database, write: @escaping @Sendable ([ProviderEvent], Transaction) throws -> Void) {
        self.database = database
        self.write = write
    }

    /// Stores an event, together with those that wait at the same time.
    /// - Throws: `overloaded` where too many events wait; what the transaction fails with.
    func store(_ event: ProviderEvent) async throws(Problem) {
        let result = await withCheckedContinuation { continuation in
            switch state.withLock({ $0.accept(Waiter(event: event, continuation: continuation)) }) {
            case .queued: break
            // Detached: it serves other callers too. Its priority is above theirs, because they wait for it.
            case .begins: Task.detached(priority: .high) { await self.serve() }
            case .refused:
                continuation.resume(
                    returning: .failure(.overloaded(retryAfter: 2, detail: "Too many events are waiting.")))
            }
        }
        try result.get()
    }

    private func serve() async {
        repeat { await serveOnce() } while state.withLock({ $0.endTransaction() })
    }

    private func serveOnce() async {
        // The events are taken when the transaction begins, so that those which arrive while it waits for the writer,
        // or for a connection, share it. A transaction that is tried again has the same ones.
        let taken = Mutex<[Waiter]?>(nil)
        let take: @Sendable () -> [Waiter] = { [self] in
            taken.withLock { taken in
                if let taken { return taken }
                let next = state.withLock { $0.next() }
                taken = next
                return next
            }
        }
        let results = await results(take)
        for (waiter, result) in zip(take(), results) { waiter.continuation.resume(returning: result) }
    }

    /// The results of the events of one transaction, or of one for each where it fails for a reason that may lie in one
    /// of them.
    private func results(_ take: @escaping @Sendable () -> [Waiter]) async -> [Result<Void, Problem>] {
        do throws(Problem) {
            try await database.write { [write] in try write(take().map(\.event), $0) }
            return take().map { _ in .success(()) }
        } catch {
            let waiters = take()
            guard waiters.count > 1, error.mayConcernOneEvent else { return waiters.map { _ in .failure(error) } }
            var results: [Result<Void, Problem>] = []
            for waiter in waiters {
                do throws(Problem) {
                    try await database.write { [write] in try write([waiter.event], $0) }
                    results.append(.success(()))
                } catch {
                    results.append(.failure(error))
                }
            }
            return results
        }
    }
}

extension Problem {
    /// Whether a transaction without some of the events need not fail for the same reason.
    fileprivate var mayConcernOneEvent: Bool {
        switch (cause as? StorageError)?.kind {
        case .duplicate, .reference, .check, .serialization, .other, nil: true
        case .cancelled, .full, .fileReplaced, .damaged, .connectionLost, .outcomeUnknown, .overloaded: false
        }
    }
}
