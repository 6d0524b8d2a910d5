import Base
import GRDB
import Storage
import Synchronization

/// Group commit: the writes that wait while a commit is under way share the next one, so that one wait for the disk serves them all.
///
/// There is no timer: an idle database commits a single write at once, a busy one batches itself. Each write has a savepoint of
/// its own, so one that fails leaves the others alone. Nobody is answered before the COMMIT has returned.
final class CommitGroups: Sendable {
    struct Job: Sendable {
        /// Does the work and returns the answer, to be given once the work is durable.
        let run: @Sendable (Transaction) throws -> Answer
        let fail: @Sendable (any Error) -> Void
    }

    typealias Answer = @Sendable () -> Void

    /// How many writes may wait; an answer that came after more than these would come too late.
    static let waitingMax = 4_096
    /// A group ends at this many jobs or after as much work as ``CommitPace`` says, whichever comes first: its first caller waits for all of it.
    static let jobsMax = 512

    private let writer: DatabasePool
    private let catalogue: StatementCatalogue
    private let clock: @Sendable () -> Instant
    private let state = Mutex(State())

    init(writer: DatabasePool, catalogue: StatementCatalogue, clock: @escaping @Sendable () -> Instant) {
        self.writer = writer
        self.catalogue = catalogue
        self.clock = clock
    }

    func submit(_ job: Job) {
        switch state.withLock({ $0.accept(job) }) {
        case .joined: break
        case .startsTurn: scheduleTurn()
        case .refused:
            job.fail(
                StorageError(
                    .overloaded, code: "queue", message: "too many writes are waiting, or the database is closing"))
        }
    }

    var figures: Figures { state.withLock { $0.figures } }

    /// Turns away what comes later, and returns when everything accepted has been answered.
    func close() async {
        state.withLock { $0.isClosed = true }
        while state.withLock({ $0.hasTurn }) {
            // The writer's queue is first in, first out: this passes after the turn that was scheduled before it.
            await withCheckedContinuation { continuation in
                writer.asyncWriteWithoutTransaction { _ in continuation.resume() }
            }
        }
    }

    /// One group a turn, so that a migration or a checkpoint that waits for the writer gets in between two groups.
    private func scheduleTurn() {
        writer.asyncWriteWithoutTransaction { connection in
            self.commitGroup(on: connection)
            if self.state.withLock({ $0.endTurn() }) { self.scheduleTurn() }
        }
    }

    private func commitGroup(on connection: GRDB.Database) {
        guard let first = state.withLock({ $0.next() }) else { return }
        var members = [first]
        do {
            do {
                try begin(connection)
            } catch {
                // Whoever waits now would only wait as long again for the same lock.
                members += state.withLock { $0.next(upTo: Self.jobsMax - 1) }
                throw error
            }
            let answers = try run(&members, on: connection)
            let began = ContinuousClock.now
            try commit(connection)
            let took = ContinuousClock.now - began
            state.withLock { $0.count(groupOf: members.count, committedIn: took) }
            for answer in answers { answer() }
        } catch {
            if connection.isInsideTransaction { try? connection.rollback() }
            for member in members { member.fail(error) }
        }
    }

    /// Runs the first job and those that wait behind it, up to the bounds of a group.
    /// - Returns: what to tell each of them after the commit.
    private func run(_ members: inout [Job], on connection: GRDB.Database) throws -> [Answer] {
        var answers: [Answer] = []
        let deadline = ContinuousClock.now + state.withLock { $0.pace.workTime }
        while true {
            answers.append(try attempt(members[answers.count], on: connection))
            guard members.count < Self.jobsMax, .now < deadline, let next = state.withLock({ $0.next() }) else {
                return answers
            }
            members.append(next)
        }
    }

    /// - Throws: only what ends the whole group.
    private func attempt(_ job: Job, on connection: GRDB.Database) throws -> Answer {
        try connection.mark("SAVEPOINT job")
        let engine = SQLiteTransaction(connection, catalogue)
        do {
            let answer = try engine.perform(job.run, now: clock())
            try connection.mark("RELEASE job")
            return answer
        } catch {
            // After SQLITE_FULL, IOERR or NOMEM SQLite may have rolled everything back, the work of the group's other members too.
            guard connection.isInsideTransaction else {
                throw engine.failure
                    ?? StorageError(
                        .other, code: "no-transaction", message: "the transaction of a group of writes has ended early")
            }
            try connection.mark("ROLLBACK TO job")
            try connection.mark("RELEASE job")
            return { job.fail(error) }
        }
    }

    /// The busy timeout has passed twice when this fails: some other process holds the write lock for long.
    private func begin(_ connection: GRDB.Database) throws {
        do {
            do {
                try connection.perform("BEGIN IMMEDIATE")
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
                try connection.perform("BEGIN IMMEDIATE")
            }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
            throw StorageError(
                .overloaded, code: String(error.extendedResultCode.rawValue),
                message: "another process holds the database's write lock")
        }
    }

    private func commit(_ connection: GRDB.Database) throws {
        do {
            try connection.perform("COMMIT")
        } catch let error as DatabaseError where error.resultCode == .SQLITE_IOERR {
            // The log may hold the commit although the disk did not confirm it: a crash now could bring it back.
            throw StorageError(
                .outcomeUnknown, code: String(error.extendedResultCode.rawValue),
                message: error.message ?? "the disk failed during COMMIT")
        }
    }
}

extension CommitGroups {
    struct Figures {
        var groups = 0
        var jobs = 0
        var lastJobs = 0
        var waiting = 0
    }

    /// Who waits, and whether the writer has been asked to come by. A pure value.
    private struct State {
        enum Acceptance { case joined, startsTurn, refused }

        // A queue of two stacks: jobs arrive in one and leave from the other, which is the first one reversed.
        private var arriving: [Job] = []
        private var leaving: [Job] = []
        private var done = Figures()
        private(set) var hasTurn = false
        var isClosed = false
        private(set) var pace = CommitPace()

        var figures: Figures {
            var figures = done
            figures.waiting = waiting
            return figures
        }

        private var waiting: Int { arriving.count + leaving.count }

        mutating func accept(_ job: Job) -> Acceptance {
            guard !isClosed, waiting < waitingMax else { return .refused }
            arriving.append(job)
            if hasTurn { return .joined }
            hasTurn = true
            return .startsTurn
        }

        mutating func next() -> Job? {
            if leaving.isEmpty {
                leaving = arriving.reversed()
                arriving.removeAll(keepingCapacity: true)
            }
            return leaving.popLast()
        }

        mutating func next(upTo count: Int) -> [Job] {
            var jobs: [Job] = []
            while jobs.count < count, let job = next() { jobs.append(job) }
            return jobs
        }

        mutating func count(groupOf jobs: Int, committedIn time: Duration) {
            pace.note(commit: time)
            done.groups += 1
            done.jobs += jobs
            done.lastJobs = jobs
        }

        /// - Returns: whether somebody waits for another turn.
        mutating func endTurn() -> Bool {
            hasTurn = waiting > 0
            return hasTurn
        }
    }
}
