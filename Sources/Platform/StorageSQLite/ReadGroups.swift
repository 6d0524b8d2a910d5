import Base
import GRDB
import Storage
import Synchronization

/// Group reads: the reads that wait when a thread becomes free share one snapshot, so that under load one thread
/// wake-up and one transaction serve many of them.
///
/// A read joins only a snapshot that is opened after it was submitted, so it sees everything that was durable then.
/// There is no timer: a single read starts at once. A long read does not block others, because they stay in the queue
/// of all threads.
final class ReadGroups: Sendable {
    /// Reads that may wait. A longer queue would only delay the refusal beyond clients' timeouts.
    static let waitingMax = 4_096
    /// A snapshot takes no further reads after this time: the WAL cannot be reset behind an open snapshot.
    static let workMax = Duration.milliseconds(2)
    /// How long a read may take, unless it asks for another limit.
    static let timeMax = Duration.seconds(30)

    private let pool: DatabasePool
    private let threads: BlockingPool
    private let catalogue: StatementCatalogue
    private let clock: @Sendable () -> Instant
    private let state: Mutex<State>

    init(pool: DatabasePool, threads: Int, catalogue: StatementCatalogue, clock: @escaping @Sendable () -> Instant) {
        self.pool = pool
        self.threads = BlockingPool(name: "sqlite-reader", threads: threads, capacity: threads)
        self.catalogue = catalogue
        self.clock = clock
        state = Mutex(State(threads: threads))
    }

    var waiting: Int { state.withLock { $0.waiting } }

    func submit(_ read: PendingTransaction) {
        switch state.withLock({ $0.accept(read) }) {
        case .queued: break
        case .startsTurn: scheduleTurn()
        case .refused: read.fail(Self.refusal)
        }
    }

    /// Refuses further reads; accepted reads still complete.
    func close() {
        state.withLock { $0.isClosed = true }
        threads.shutDown()
    }

    private static var refusal: StorageError {
        StorageError(.overloaded, code: "queue", message: "too many reads are waiting, or the database is closing")
    }

    private func scheduleTurn() {
        guard !threads.add({ self.takeTurn() }) else { return }
        // The threads are ending. A running turn completes every accepted read; without one they fail here.
        for read in state.withLock({ $0.abandonTurn() }) { read.fail(Self.refusal) }
    }

    private func takeTurn() {
        state.withLock { $0.beginTurn() }
        while let group = state.withLock({ $0.openGroup() }) {
            if group.startsTurn { scheduleTurn() }
            read(group)
        }
    }

    private func read(_ group: State.Group) {
        var pending: PendingTransaction? = group.first
        do {
            // GRDB opens a deferred transaction; its first query takes the snapshot.
            try pool.read { connection in
                let deadline = ContinuousClock.now + Self.workMax
                while let read = pending {
                    pending = nil
                    do {
                        try perform(read, on: connection)
                    } catch {
                        read.fail(error)
                    }
                    // After some errors SQLite has ended the transaction: the next read would have no snapshot.
                    guard connection.isInsideTransaction, .now < deadline else { return }
                    pending = state.withLock { $0.next(through: group.last) }
                }
            }
        } catch {
            pending?.fail(error)
        }
    }
}

extension ReadGroups {
    private func perform(_ read: PendingTransaction, on connection: GRDB.Database) throws {
        let deadline = ReadDeadline(after: read.limit)
        let complete = try deadline.watch(connection) {
            try SQLiteTransaction(connection, catalogue, deadline: deadline).perform(read.run, now: clock())
        }
        complete()
    }
}

extension ReadGroups {
    /// The queue of reads, and the threads that serve it. A pure value.
    private struct State {
        enum Acceptance { case queued, startsTurn, refused }

        struct Group {
            let first: PendingTransaction
            /// The number of the last read that may join.
            let last: UInt64
            /// Whether a second thread is needed for the reads that still wait.
            let startsTurn: Bool
        }

        private let threads: Int
        // A queue of two stacks, as that of the writes.
        private var arriving: [(number: UInt64, read: PendingTransaction)] = []
        private var leaving: [(number: UInt64, read: PendingTransaction)] = []
        private var accepted: UInt64 = 0
        /// Turns that were scheduled and have not begun: at most one, because each turn schedules the next when needed.
        private var scheduled = 0
        private var running = 0
        var isClosed = false

        init(threads: Int) { self.threads = threads }

        var waiting: Int { arriving.count + leaving.count }

        mutating func accept(_ read: PendingTransaction) -> Acceptance {
            guard !isClosed, waiting < waitingMax else { return .refused }
            accepted += 1
            arriving.append((accepted, read))
            return reserveTurn() ? .startsTurn : .queued
        }

        mutating func beginTurn() {
            scheduled -= 1
            running += 1
        }

        /// - Returns: nil when no read waits, which ends the turn.
        mutating func openGroup() -> Group? {
            guard let first = next(through: accepted) else {
                running -= 1
                return nil
            }
            return Group(first: first, last: accepted, startsTurn: waiting > 0 && reserveTurn())
        }

        mutating func next(through last: UInt64) -> PendingTransaction? {
            if leaving.isEmpty {
                leaving = arriving.reversed()
                arriving.removeAll(keepingCapacity: true)
            }
            guard let next = leaving.last, next.number <= last else { return nil }
            leaving.removeLast()
            return next.read
        }

        /// Undoes the reservation of a turn that cannot run.
        /// - Returns: the reads that no running turn will serve.
        mutating func abandonTurn() -> [PendingTransaction] {
            scheduled -= 1
            guard running == 0 else { return [] }
            defer { (arriving, leaving) = ([], []) }
            return (leaving.reversed() + arriving).map(\.read)
        }

        private mutating func reserveTurn() -> Bool {
            guard scheduled == 0, running < threads else { return false }
            scheduled += 1
            return true
        }
    }
}
