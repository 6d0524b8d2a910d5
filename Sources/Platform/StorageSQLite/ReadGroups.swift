import Base
import GRDB
import Storage
import Synchronization

/// Group reading: the reads that wait when a thread comes to look share its snapshot, so that under load one thread woken and one transaction begun serve
/// many of them.
///
/// A read joins only a snapshot that is opened after it began to wait, so each sees everything that was durable when it was asked for. There is no timer:
/// a single read has a thread and a snapshot to itself at once. A long read holds up nobody, since the others stay where any thread can take them.
final class ReadGroups: Sendable {
    /// As a write's: does the work and returns the answer, or fails.
    typealias Job = CommitGroups.Job

    /// How many reads may wait; an answer that came after more than these would come too late.
    static let waitingMax = 4_096
    /// No snapshot takes in further reads after this long: the log cannot be taken back behind a snapshot that is open.
    static let workMax = Duration.milliseconds(2)

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

    func submit(_ job: Job) {
        switch state.withLock({ $0.accept(job) }) {
        case .joined: break
        case .startsTurn: scheduleTurn()
        case .refused: job.fail(Self.refusal)
        }
    }

    /// Turns away what comes later; what was accepted is still answered.
    func close() {
        state.withLock { $0.isClosed = true }
        threads.shutDown()
    }

    private static var refusal: StorageError {
        StorageError(.overloaded, code: "queue", message: "too many reads are waiting, or the database is closing")
    }

    private func scheduleTurn() {
        guard !threads.add({ self.takeTurn() }) else { return }
        // The threads are on their way out. A turn that is still running answers everybody; without one, nobody would.
        for job in state.withLock({ $0.abandonTurn() }) { job.fail(Self.refusal) }
    }

    private func takeTurn() {
        state.withLock { $0.beginTurn() }
        while let group = state.withLock({ $0.openGroup() }) {
            if group.startsTurn { scheduleTurn() }
            read(group)
        }
    }

    private func read(_ group: State.Group) {
        var unanswered: Job? = group.first
        do {
            // GRDB opens a deferred transaction, and its first query fixes what is seen.
            try pool.read { connection in
                let deadline = ContinuousClock.now + Self.workMax
                while let job = unanswered {
                    unanswered = nil
                    do {
                        try SQLiteTransaction(connection, catalogue).perform(job.run, now: clock())()
                    } catch {
                        job.fail(error)
                    }
                    // After some errors SQLite has ended the transaction; the next read would not see one state from beginning to end.
                    guard connection.isInsideTransaction, .now < deadline else { return }
                    unanswered = state.withLock { $0.next(through: group.last) }
                }
            }
        } catch {
            unanswered?.fail(error)
        }
    }
}

extension ReadGroups {
    /// Who waits, and which threads are looking after them. A pure value.
    private struct State {
        enum Acceptance { case joined, startsTurn, refused }

        struct Group {
            let first: Job
            /// The number of the last read that may join.
            let last: UInt64
            /// Others wait that one thread may not come to soon.
            let startsTurn: Bool
        }

        private let threads: Int
        // A queue of two stacks, as that of the writes.
        private var arriving: [(number: UInt64, job: Job)] = []
        private var leaving: [(number: UInt64, job: Job)] = []
        private var accepted: UInt64 = 0
        /// Threads that were called and have not come yet: one at a time, as each calls the next where there is need.
        private var scheduled = 0
        private var running = 0
        var isClosed = false

        init(threads: Int) { self.threads = threads }

        var waiting: Int { arriving.count + leaving.count }

        mutating func accept(_ job: Job) -> Acceptance {
            guard !isClosed, waiting < waitingMax else { return .refused }
            accepted += 1
            arriving.append((accepted, job))
            return callsThread() ? .startsTurn : .joined
        }

        mutating func beginTurn() {
            scheduled -= 1
            running += 1
        }

        /// - Returns: nil where nobody waits, which ends the turn.
        mutating func openGroup() -> Group? {
            guard let first = next(through: accepted) else {
                running -= 1
                return nil
            }
            return Group(first: first, last: accepted, startsTurn: waiting > 0 && callsThread())
        }

        mutating func next(through last: UInt64) -> Job? {
            if leaving.isEmpty {
                leaving = arriving.reversed()
                arriving.removeAll(keepingCapacity: true)
            }
            guard let next = leaving.last, next.number <= last else { return nil }
            leaving.removeLast()
            return next.job
        }

        /// The thread that was called does not come.
        /// - Returns: those whom now nobody will answer.
        mutating func abandonTurn() -> [Job] {
            scheduled -= 1
            guard running == 0 else { return [] }
            defer { (arriving, leaving) = ([], []) }
            return (leaving.reversed() + arriving).map(\.job)
        }

        private mutating func callsThread() -> Bool {
            guard scheduled == 0, running < threads else { return false }
            scheduled += 1
            return true
        }
    }
}
