import Base
import Storage

/// Fires due schedules: the jobs of a tick are inserted in the transaction that records the tick.
///
/// The row lock and UNIQUE (schedule_id, tick_at) make a pass correct with any number of processes; there is no leader.
struct Scheduler: Sendable {
    private let database: any Database
    private let schedules: [String: Schedule]
    private let queue: JobQueue

    init(database: any Database, schedules: [Schedule], queue: JobQueue) {
        precondition(
            Set(schedules.map(\.id)).count == schedules.count,
            "two schedules share an id: \(schedules.map(\.id).sorted())")
        self.database = database
        self.schedules = Dictionary(uniqueKeysWithValues: schedules.map { ($0.id, $0) })
        self.queue = queue
    }

    /// Inserts the schedules. A schedule whose rule has changed starts from now; the others keep their next tick.
    func register() async throws(Problem) {
        let known = try await database.read { try $0.scheduleRules() }
        let changed = schedules.values.filter { known[$0.id] != $0.rule.text }.sorted { $0.id < $1.id }
        guard !changed.isEmpty else { return }
        try await database.write { transaction in
            for schedule in changed {
                try transaction.upsertSchedule(
                    schedule.id, rule: schedule.rule.text, nextAt: schedule.rule.next(after: transaction.now))
            }
        }
    }

    /// The ids of the schedules whose next tick is due, in the order of their ticks, with those that a clock has moved
    /// which was set back since.
    func due(in transaction: Transaction) throws -> [String] {
        try transaction.dueSchedules(of: schedules.keys.sorted())
    }

    /// The earliest tick after now.
    func nextTick(in transaction: Transaction) throws -> Instant? {
        try transaction.nextTick(of: schedules.keys.sorted())
    }

    /// Fires schedules that are due.
    /// - Parameter failed: called with a schedule whose tick failed; unless it throws, the other schedules still fire.
    /// - Returns: the number of schedules whose next tick changed.
    func fire(_ due: [String], failed: (_ schedule: String, Problem) throws -> Void) async throws -> Int {
        var moved = 0
        for id in due {
            do {
                if try await fire(id) { moved += 1 }
            } catch {
                try failed(id, error)
            }
        }
        return moved
    }

    /// After the clock was set back, a schedule would be silent until the time that it had shown. A tick that has fired
    /// does not fire again.
    /// - Returns: whether the schedule was still due and not locked by another process.
    private func fire(_ id: String) async throws(Problem) -> Bool {
        guard let schedule = schedules[id] else { return false }
        return try await database.write { [queue] transaction in
            // A process with another rule for this id (an older or newer version) leaves the tick to the current rule.
            guard let first = try transaction.lockDueSchedule(id, rule: schedule.rule.text) else { return false }
            let now = transaction.now
            guard first <= now else {
                try transaction.pullBackSchedule(id, to: schedule.rule.next(after: now))
                return true
            }
            for tick in schedule.ticks(from: first, through: now) where try transaction.insertTick(of: id, at: tick) {
                try schedule.enqueue(tick, queue, transaction)
            }
            guard let last = schedule.rule.latest(1, from: first, through: now).last else { return false }
            try transaction.moveSchedule(id, from: last, to: schedule.rule.next(after: last))
            return true
        }
    }
}
