import Base
import CPostgres
import Dispatch
import Storage
import Synchronization

/// One place in the pool: a connection that opens when it is first needed and anew after it broke. Its calls block, on an executor
/// of its own.
actor PostgresConnection {
    private let executor: BlockingExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let url: String
    private let health: PostgresHealth
    private var link: PostgresLink?
    private var era = 0
    private var hasOpened = false

    init(url: String, health: PostgresHealth, number: Int) {
        self.url = url
        self.health = health
        executor = BlockingExecutor(label: "postgres-\(number)")
    }

    /// Runs one transaction from beginning to end. A read is stopped when its task is cancelled; a write always runs to its end.
    nonisolated func transact<Result: Sendable>(
        _ mode: PostgresTransactionMode,
        clock: (@Sendable () -> Instant)?,
        commitFault: (@Sendable () -> CommitFault?)?,
        _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async -> PostgresOutcome<Result> {
        guard mode == .read else { return await carryOut(mode, nil, clock, commitFault, body) }
        let cancellation = PostgresCancellation()
        return await withTaskCancellationHandler {
            await carryOut(mode, cancellation, clock, nil, body)
        } onCancel: {
            cancellation.cancel()
        }
    }

    /// Asks what became of the transaction that another connection committed, or did not.
    func fate(of transaction: PostgresTransactionNumber) -> PostgresTransactionOutcome {
        guard let link = try? openLink() else { return .unreachable }
        do throws(StorageError) {
            return try link.fate(of: transaction)
        } catch {
            if link.isLost { drop() }
            return .unreachable
        }
    }

    func close() { drop() }

    private func carryOut<Result: Sendable>(
        _ mode: PostgresTransactionMode,
        _ cancellation: PostgresCancellation?,
        _ clock: (@Sendable () -> Instant)?,
        _ commitFault: (@Sendable () -> CommitFault?)?,
        _ body: @Sendable (Transaction) throws -> Result
    ) -> PostgresOutcome<Result> {
        let link: PostgresLink
        do throws(StorageError) { link = try openLink() } catch { return .unreachable(error) }
        guard cancellation?.begin(link) ?? true else { return .refused(PostgresCancellation.error) }
        defer {
            // A cancel request travels on a connection of its own and may arrive after the read has ended, when this connection
            // would serve somebody else: one that was asked to cancel serves nobody else.
            let wasCancelled = cancellation?.end() ?? false
            if link.isLost { health.suspect() }
            if wasCancelled || !link.isIdle { drop() }
        }

        let beginning: PostgresLink.Beginning
        do throws(StorageError) { beginning = try link.begin(mode) } catch { return ending(link, error) }

        let result: Result
        do {
            result = try body(Transaction(engine: link, now: clock?() ?? beginning.now))
            if let failure = link.failure { throw failure }
        } catch {
            // A statement's failure decides on another try, whatever the body made of it.
            let failure = link.failure
            link.rollBack()
            return failure.map { ending(link, $0, thrown: error) } ?? .refused(error)
        }

        let fault = commitFault?()
        if fault == .beforeCommit { link.breakOff() }
        do throws(StorageError) {
            try link.commit()
            if fault == .afterCommit {
                throw StorageError(.connectionLost, code: "test", message: "the answer to COMMIT was lost for a test")
            }
            return .done(result)
        } catch {
            guard error.kind == .connectionLost, mode != .read else { return ending(link, error) }
            if fault == .afterCommit { link.breakOff() }
            return .unsure(result, number: beginning.number, error)
        }
    }

    /// What a failed statement means for the transaction. `thrown` is what the body made of it.
    private func ending<Result>(_ link: PostgresLink, _ failure: StorageError, thrown: (any Error)? = nil)
        -> PostgresOutcome<Result>
    {
        if link.isLost { return .lost(failure) }
        link.rollBack()
        return failure.kind == .serialization ? .conflict(failure) : .refused(thrown ?? failure)
    }

    private func openLink() throws(StorageError) -> PostgresLink {
        // Others found their connections broken since this one was last used: then it is likely broken too.
        if era != health.era { drop() }
        if let link { return link }
        let era = health.era
        let opened = try PostgresLink(url: url)
        health.noteOpened(again: hasOpened)
        hasOpened = true
        self.era = era
        link = opened
        return opened
    }

    private func drop() {
        if link != nil { health.noteClosed() }
        link = nil
    }
}

enum PostgresTransactionMode: Sendable { case read, write, migrate }

/// How a transaction ended, as far as one connection can tell.
enum PostgresOutcome<Result: Sendable>: Sendable {
    case done(Result)
    /// Rolled back for the body's own reasons, or for one that another try would meet again.
    case refused(any Error)
    /// Rolled back for another transaction's sake.
    case conflict(StorageError)
    /// The connection broke before the commit was sent: nothing remains.
    case lost(StorageError)
    /// No connection could be opened.
    case unreachable(StorageError)
    /// The connection broke during the commit of the transaction of this number.
    case unsure(Result, number: PostgresTransactionNumber, StorageError)
}

/// A transaction's number, and the life of the server that it was given out in.
struct PostgresTransactionNumber: Sendable {
    let number: String
    let life: String?
}

enum PostgresTransactionOutcome: Sendable { case committed, aborted, inProgress, unknowable, unreachable }

/// What the connections of a pool tell each other.
final class PostgresHealth: Sendable {
    private let openCount = Atomic(0)
    private let reopenedCount = Atomic(0)
    private let lostCount = Atomic(0)

    /// Grows whenever a connection breaks; those opened before are then opened anew instead of being tried one after the other.
    var era: Int { lostCount.load(ordering: .acquiring) }
    var open: Int { openCount.load(ordering: .relaxed) }
    var reconnects: Int { reopenedCount.load(ordering: .relaxed) }

    func suspect() { lostCount.add(1, ordering: .acquiringAndReleasing) }

    func noteOpened(again: Bool) {
        openCount.add(1, ordering: .relaxed)
        if again { reopenedCount.add(1, ordering: .relaxed) }
    }

    func noteClosed() { openCount.subtract(1, ordering: .relaxed) }
}

/// Carries the cancellation of a task to the server while its read runs.
final class PostgresCancellation: Sendable {
    static let error = StorageError(.cancelled, code: "57014", message: "the caller left")
    /// A request that arrives between two statements stops nothing, so it is repeated until the read has ended.
    private static let pause = DispatchTimeInterval.milliseconds(100)

    private enum State {
        case before
        case running(PostgresLink.Canceller)
        case cancelled
        case ended
    }

    private let state = Mutex(State.before)

    /// - Returns: false when the task has been cancelled already.
    func begin(_ link: PostgresLink) -> Bool {
        let canceller = link.canceller
        return state.withLock { state in
            guard case .before = state else { return false }
            state = .running(canceller)
            return true
        }
    }

    /// - Returns: whether the server was asked to cancel.
    func end() -> Bool {
        state.withLock { state in
            defer { state = .ended }
            if case .cancelled = state { return true } else { return false }
        }
    }

    func cancel() {
        let canceller: PostgresLink.Canceller? = state.withLock { state in
            switch state {
            case .before:
                state = .cancelled
                return nil
            case .running(let canceller):
                state = .cancelled
                return canceller
            case .cancelled, .ended: return nil
            }
        }
        // Asking opens a connection and waits for it.
        if let canceller { DispatchQueue.global().async { self.ask(canceller) } }
    }

    private func ask(_ canceller: PostgresLink.Canceller) {
        guard state.withLock({ if case .cancelled = $0 { true } else { false } }) else { return }
        canceller.cancel()
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.pause) { self.ask(canceller) }
    }
}
