import Base
import CPostgres
import Dispatch
import Storage
import Synchronization

/// A connection of the pool. Its session is opened on first use, and again after it broke. Its methods block, on an
/// executor of their own.
actor PostgresConnection {
    private let executor: BlockingExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let url: String
    private let health: PostgresHealth
    private let statementTimeout: Duration
    private let interruption: PostgresInterruption
    private let ageMax: Duration?
    private var session: PostgresSession?
    private var openedAt = ContinuousClock.now
    /// ``PostgresHealth/lossCount`` when the session was opened.
    private var lossCount = 0
    private var hasOpened = false

    /// - Parameter ageMax: a session of this age is closed after its transaction, or before its next one.
    init(
        url: String, health: PostgresHealth, statementTimeout: Duration, interruption: PostgresInterruption,
        ageMax: Duration?, number: Int
    ) {
        self.ageMax = ageMax
        self.url = url
        self.health = health
        self.statementTimeout = statementTimeout
        self.interruption = interruption
        executor = BlockingExecutor(label: "postgres-\(number)")
    }

    /// Runs one transaction. A read is cancelled with its task; a write always runs to its end.
    nonisolated func transact<Result: Sendable>(
        _ mode: PostgresTransactionMode,
        clock: (@Sendable () -> Instant)?,
        commitFault: (@Sendable () -> CommitFault?)?,
        _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async -> PostgresOutcome<Result> {
        guard mode == .read else { return await run(mode, nil, clock, commitFault, body) }
        let cancellation = PostgresCancellation()
        return await withTaskCancellationHandler {
            await run(mode, cancellation, clock, nil, body)
        } onCancel: {
            cancellation.cancel()
        }
    }

    /// Asks the server for the outcome of a transaction whose COMMIT another connection sent.
    func outcome(of transaction: PostgresTransactionNumber) -> PostgresTransactionOutcome {
        guard let session = try? openSession() else { return .unreachable }
        do throws(StorageError) {
            return try session.outcome(of: transaction)
        } catch {
            if session.isLost { drop() }
            return .unreachable
        }
    }

    func close() { drop() }

    private func run<Result: Sendable>(
        _ mode: PostgresTransactionMode,
        _ cancellation: PostgresCancellation?,
        _ clock: (@Sendable () -> Instant)?,
        _ commitFault: (@Sendable () -> CommitFault?)?,
        _ body: @Sendable (Transaction) throws -> Result
    ) -> PostgresOutcome<Result> {
        let session: PostgresSession
        do throws(StorageError) { session = try openSession() } catch { return .unreachable(error) }
        guard cancellation?.begin(session) ?? true else { return .refused(PostgresCancellation.error) }
        defer {
            // A cancel request uses a connection of its own and may arrive after the read has ended. It would then
            // cancel a statement of the session's next user, so a session with a cancel request is closed.
            let wasCancelled = cancellation?.end() ?? false
            if session.isLost { health.noteLost() }
            if wasCancelled || !session.isIdle { drop() }
            dropAged()
        }

        let beginning: PostgresSession.Beginning
        do throws(StorageError) { beginning = try session.begin(mode) } catch { return ending(session, error) }

        let result: Result
        do {
            result = try body(Transaction(engine: session, now: clock?() ?? beginning.now))
            if let failure = session.failure { throw failure }
        } catch {
            // The failure of a statement decides whether to retry, also when the body throws another error.
            let failure = session.failure
            session.rollBack()
            return failure.map { ending(session, $0, thrown: error) } ?? .refused(error)
        }

        let fault = commitFault?()
        if fault == .beforeCommit { session.disconnect() }
        do throws(StorageError) {
            try session.commit()
            if fault == .afterCommit {
                throw StorageError(.connectionLost, code: "test", message: "a test drops the response to COMMIT")
            }
            return .done(result, session.effects)
        } catch {
            guard error.kind == .connectionLost, mode != .read else { return ending(session, error) }
            if fault == .afterCommit { session.disconnect() }
            return .unknown(result, session.effects, number: beginning.number, error)
        }
    }

    /// The outcome of a transaction with a failed statement.
    /// - Parameter thrown: the error that the body threw, where it threw one.
    private func ending<Result>(_ session: PostgresSession, _ failure: StorageError, thrown: (any Error)? = nil)
        -> PostgresOutcome<Result>
    {
        if session.isLost { return .lost(failure) }
        session.rollBack()
        return failure.kind == .serialization ? .conflict(failure) : .refused(thrown ?? failure)
    }

    private func openSession() throws(StorageError) -> PostgresSession {
        // Another connection broke since this one was last used: this one is likely broken too.
        if lossCount != health.lossCount { drop() }
        dropAged()
        if let session { return session }
        let lossCount = health.lossCount
        let opened = try PostgresSession(
            url: url, statementTimeout: statementTimeout, interruption: interruption)
        health.noteOpened(again: hasOpened)
        hasOpened = true
        openedAt = .now
        self.lossCount = lossCount
        session = opened
        return opened
    }

    /// The next session does not count as a reconnection, because this one did not break.
    private func dropAged() {
        guard let ageMax, session != nil, .now - openedAt >= ageMax else { return }
        drop()
        hasOpened = false
    }

    private func drop() {
        if session != nil { health.noteClosed() }
        session = nil
    }
}

enum PostgresTransactionMode: Sendable { case read, write, migrate }

/// How a transaction ended, as far as its connection can determine.
enum PostgresOutcome<Result: Sendable>: Sendable {
    case done(Result, CommitEffects)
    /// Rolled back because the body threw, or because of an error that a retry would meet again.
    case refused(any Error)
    /// Rolled back because of a conflict with another transaction.
    case conflict(StorageError)
    /// The connection broke before COMMIT was sent: the transaction is rolled back.
    case lost(StorageError)
    /// No connection could be opened.
    case unreachable(StorageError)
    /// The connection broke during the COMMIT of the transaction of this number.
    case unknown(Result, CommitEffects, number: PostgresTransactionNumber, StorageError)
}

/// A transaction id, and the server incarnation that assigned it.
struct PostgresTransactionNumber: Sendable {
    let number: String
    let incarnation: String?
}

enum PostgresTransactionOutcome: Sendable { case committed, aborted, inProgress, unknowable, unreachable }

/// Connection counts that the connections of a pool share.
final class PostgresHealth: Sendable {
    private let openCount = Atomic(0)
    private let reopenedCount = Atomic(0)
    private let lostCount = Atomic(0)

    /// Grows whenever a connection breaks. Sessions opened before are reopened instead of failing one after the other.
    var lossCount: Int { lostCount.load(ordering: .acquiring) }
    var open: Int { openCount.load(ordering: .relaxed) }
    var reconnects: Int { reopenedCount.load(ordering: .relaxed) }

    func noteLost() { lostCount.add(1, ordering: .acquiringAndReleasing) }

    func noteOpened(again: Bool) {
        openCount.add(1, ordering: .relaxed)
        if again { reopenedCount.add(1, ordering: .relaxed) }
    }

    func noteClosed() { openCount.subtract(1, ordering: .relaxed) }
}

/// Sends cancel requests to the server while the read of a cancelled task runs.
final class PostgresCancellation: Sendable {
    static let error = StorageError(.cancelled, code: "57014", message: "the caller was cancelled")
    /// One at a time: the request to a server that does not answer blocks its thread.
    private static let requests = DispatchQueue(label: "postgres-cancel")
    /// A cancel request between two statements has no effect, so it is repeated until the read has ended.
    private static let pause = DispatchTimeInterval.milliseconds(100)

    private enum State {
        case before
        case running(PostgresSession.Canceller)
        case cancelled
        case ended
    }

    private let state = Mutex(State.before)

    /// - Returns: false when the task has been cancelled already.
    func begin(_ session: PostgresSession) -> Bool {
        let canceller = session.canceller
        return state.withLock { state in
            guard case .before = state else { return false }
            state = .running(canceller)
            return true
        }
    }

    /// - Returns: whether a cancel request was sent.
    func end() -> Bool {
        state.withLock { state in
            defer { state = .ended }
            if case .cancelled = state { return true } else { return false }
        }
    }

    func cancel() {
        let canceller: PostgresSession.Canceller? = state.withLock { state in
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
        // The request opens a connection and blocks.
        if let canceller { Self.requests.async { self.request(canceller) } }
    }

    private func request(_ canceller: PostgresSession.Canceller) {
        guard state.withLock({ if case .cancelled = $0 { true } else { false } }) else { return }
        canceller.cancel()
        Self.requests.asyncAfter(deadline: .now() + Self.pause) { self.request(canceller) }
    }
}
