import Base
import GRDB
import Storage
import Synchronization

/// A transaction that waits for the writer or for a reader.
struct PendingTransaction: Sendable {
    /// Runs the body and returns the completion, which is called once the result is final.
    let run: @Sendable (Transaction) throws -> Completion
    let fail: @Sendable (any Error) -> Void
    /// Of a read.
    var limit = ReadGroups.timeMax

    typealias Completion = @Sendable () -> Void
}

/// Group commit: the writes that wait while a commit is in progress share the next one, and with it one fsync.
///
/// There is no timer: an idle database commits a single write at once, a busy one forms groups. Each write after the
/// first has a savepoint of its own, so a failed write does not affect the others; when the first one fails, its
/// transaction holds nothing else and begins again. Completions run after COMMIT has returned.
final class CommitGroups: Sendable {
    typealias Completion = PendingTransaction.Completion

    /// Writes that may wait. A longer queue would only delay the refusal beyond clients' timeouts.
    static let waitingMax = 4_096
    /// A group ends at this many writes or after ``CommitPace/workTime``, whichever comes first, because its first
    /// caller waits for all of it.
    static let writesMax = 512

    private let writer: DatabasePool
    private let identity: SQLiteFileIdentity
    private let catalogue: StatementCatalogue
    private let checkpoints: Checkpoints
    private let clock: @Sendable () -> Instant
    private let state = Mutex(State())

    init(
        writer: DatabasePool, identity: SQLiteFileIdentity, catalogue: StatementCatalogue, checkpoints: Checkpoints,
        clock: @escaping @Sendable () -> Instant
    ) {
        self.writer = writer
        self.identity = identity
        self.catalogue = catalogue
        self.checkpoints = checkpoints
        self.clock = clock
    }

    func submit(_ write: PendingTransaction) {
        switch state.withLock({ $0.accept(write) }) {
        case .queued: break
        case .startsTurn: scheduleTurn()
        case .refused:
            write.fail(
                StorageError(
                    .overloaded, code: "queue", message: "too many writes are waiting, or the database is closing"))
        }
    }

    var statistics: Statistics { state.withLock { $0.statistics } }

    /// Refuses further writes, and returns when every accepted write is complete.
    func close() async {
        state.withLock { $0.isClosed = true }
        while state.withLock({ $0.hasTurn }) {
            // The writer's queue is first in, first out: this block runs after the turn that was scheduled before it.
            await withCheckedContinuation { continuation in
                writer.asyncWriteWithoutTransaction { _ in continuation.resume() }
            }
        }
    }

    /// One group a turn, so that a migration or a checkpoint that waits for the writer runs between two groups.
    private func scheduleTurn() {
        writer.asyncWriteWithoutTransaction { connection in
            // A checkpoint whose index other processes do not share would damage the file.
            if self.commitGroup(on: connection) { self.checkpoints.advance(on: connection) }
            if self.state.withLock({ $0.endTurn() }) { self.scheduleTurn() }
        }
    }

    /// - Returns: false where the group failed as a whole.
    private func commitGroup(on connection: GRDB.Database) -> Bool {
        guard let first = state.withLock({ $0.next() }) else { return true }
        var members = [first]
        do {
            do {
                try identity.check()
                try begin(connection)
            } catch {
                // The waiting writes would wait as long again for the same lock, and meet the same file.
                members += state.withLock { $0.next(upTo: Self.writesMax - 1) }
                throw error
            }
            let completions = try run(&members, on: connection)
            let began = ContinuousClock.now
            try commit(connection)
            try confirm()
            let took = ContinuousClock.now - began
            state.withLock { $0.count(groupOf: members.count, committedIn: took) }
            for complete in completions { complete() }
            return true
        } catch {
            if connection.isInsideTransaction { try? connection.rollback() }
            for member in members { member.fail(error) }
            return false
        }
    }

    /// Runs the first write and those that wait behind it, up to the bounds of a group.
    /// - Returns: the completion of each member, for after the commit.
    private func run(_ members: inout [PendingTransaction], on connection: GRDB.Database) throws -> [Completion] {
        var completions: [Completion] = []
        let deadline = ContinuousClock.now + state.withLock { $0.pace.workTime }
        while true {
            let member = members[completions.count]
            completions.append(
                completions.isEmpty
                    ? try attemptFirst(member, on: connection) : try attempt(member, on: connection))
            guard members.count < Self.writesMax, .now < deadline, let next = state.withLock({ $0.next() }) else {
                return completions
            }
            members.append(next)
        }
    }

    /// The first write of a group, without a savepoint.
    /// - Returns: as ``attempt(_:on:)``.
    private func attemptFirst(_ write: PendingTransaction, on connection: GRDB.Database) throws -> Completion {
        let engine = SQLiteTransaction(connection, catalogue)
        do {
            let complete = try engine.perform(write.run, now: clock())
            return completion(engine.effects, complete)
        } catch {
            if connection.isInsideTransaction { try connection.rollback() }
            try begin(connection)
            return { write.fail(error) }
        }
    }

    /// - Returns: a successful write's after-commit actions and completion, or a failed write's failure.
    /// - Throws: only errors that end the whole group.
    private func attempt(_ write: PendingTransaction, on connection: GRDB.Database) throws -> Completion {
        try connection.runSavepointStatement("SAVEPOINT member")
        let engine = SQLiteTransaction(connection, catalogue)
        do {
            let complete = try engine.perform(write.run, now: clock())
            try connection.runSavepointStatement("RELEASE member")
            return completion(engine.effects, complete)
        } catch {
            // After SQLITE_FULL, IOERR or NOMEM SQLite may have rolled back the whole transaction, the group's other
            // members included.
            guard connection.isInsideTransaction else {
                throw engine.failure
                    ?? StorageError(
                        .other, code: "no-transaction", message: "the transaction of a group of writes has ended early")
            }
            try connection.runSavepointStatement("ROLLBACK TO member")
            try connection.runSavepointStatement("RELEASE member")
            return { write.fail(error) }
        }
    }

    private func completion(_ effects: CommitEffects, _ complete: @escaping Completion) -> Completion {
        guard !effects.actions.isEmpty else { return complete }
        return {
            effects.runActions()
            complete()
        }
    }

    /// Tries twice, each for the busy timeout: it fails when another process holds the write lock for longer.
    private func begin(_ connection: GRDB.Database) throws {
        do {
            do {
                try connection.runTransactionStatement("BEGIN IMMEDIATE")
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
                try connection.runTransactionStatement("BEGIN IMMEDIATE")
            }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
            throw StorageError(
                .overloaded, code: String(error.extendedResultCode.rawValue),
                message: "another process holds the database's write lock")
        }
    }

    /// Checks the file again before a write is acknowledged: it may have been replaced since the group began.
    private func confirm() throws(StorageError) {
        do throws(StorageError) {
            try identity.check()
        } catch {
            throw StorageError(.outcomeUnknown, code: error.code, message: error.message)
        }
    }

    private func commit(_ connection: GRDB.Database) throws {
        do {
            try connection.runTransactionStatement("COMMIT")
        } catch let error as DatabaseError where error.resultCode == .SQLITE_IOERR {
            // The WAL may hold the commit although the disk did not confirm it: recovery after a crash could apply it.
            throw StorageError(
                .outcomeUnknown, code: String(error.extendedResultCode.rawValue),
                message: error.message ?? "the disk failed during COMMIT")
        }
    }
}

extension CommitGroups {
    struct Statistics {
        var groups = 0
        var writes = 0
        var lastWrites = 0
        var waiting = 0
    }

    /// The queue of writes, and whether a turn of the writer is scheduled. A pure value.
    private struct State {
        enum Acceptance { case queued, startsTurn, refused }

        // A queue of two stacks: writes are appended to one and popped from the other, which is the first one reversed.
        private var arriving: [PendingTransaction] = []
        private var leaving: [PendingTransaction] = []
        private var committed = Statistics()
        private(set) var hasTurn = false
        var isClosed = false
        private(set) var pace = CommitPace()

        var statistics: Statistics {
            var statistics = committed
            statistics.waiting = waiting
            return statistics
        }

        private var waiting: Int { arriving.count + leaving.count }

        mutating func accept(_ write: PendingTransaction) -> Acceptance {
            guard !isClosed, waiting < waitingMax else { return .refused }
            arriving.append(write)
            if hasTurn { return .queued }
            hasTurn = true
            return .startsTurn
        }

        mutating func next() -> PendingTransaction? {
            if leaving.isEmpty {
                leaving = arriving.reversed()
                arriving.removeAll(keepingCapacity: true)
            }
            return leaving.popLast()
        }

        mutating func next(upTo count: Int) -> [PendingTransaction] {
            var writes: [PendingTransaction] = []
            while writes.count < count, let write = next() { writes.append(write) }
            return writes
        }

        mutating func count(groupOf writes: Int, committedIn time: Duration) {
            pace.note(commit: time)
            committed.groups += 1
            committed.writes += writes
            committed.lastWrites = writes
        }

        /// - Returns: whether writes wait for another turn.
        mutating func endTurn() -> Bool {
            hasTurn = waiting > 0
            return hasTurn
        }
    }
}
