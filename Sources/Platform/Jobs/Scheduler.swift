import Base
import Storage

/// Looks which schedules are due, and makes each tick's jobs in the transaction that counts the tick.
///
/// The row's lock and UNIQUE (schedule_id, tick_at) make a pass right with any number of processes; there is no leader to lose.
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

    /// Makes the schedules known. One whose rule has changed begins anew from now; the others keep their next tick.
    func register() async throws(Problem) {
        try await database.write { [schedules] transaction in
            for schedule in schedules.values.sorted(by: { $0.id < $1.id }) {
                try transaction.keep(
                    schedule.id, rule: schedule.timetable.text, nextAt: schedule.timetable.next(after: transaction.now))
            }
        }
    }

    /// Fires what is due.
    /// - Parameter failed: hears of a schedule that could not tick; unless it throws, the others have their turn all the same.
    /// - Returns: how many schedules moved on.
    func fireDue(failed: (_ schedule: String, Problem) throws -> Void) async throws -> Int {
        let due = try await database.read { [ids = schedules.keys.sorted()] in try $0.dueSchedules(of: ids) }
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

    /// - Returns: whether the schedule was still due, and nobody else was at it.
    private func fire(_ id: String) async throws(Problem) -> Bool {
        guard let schedule = schedules[id] else { return false }
        return try await database.write { [queue] transaction in
            // A process that knows another rule by this id, an older or a newer version of us, leaves the tick to those who know this one.
            guard let first = try transaction.lockDueSchedule(id, rule: schedule.timetable.text) else { return false }
            let now = transaction.now
            for tick in schedule.ticks(from: first, through: now) where try transaction.insertTick(of: id, at: tick) {
                try schedule.enqueue(tick, queue, transaction)
            }
            guard let last = schedule.timetable.latest(1, from: first, through: now).last else { return false }
            try transaction.moveSchedule(id, from: last, to: schedule.timetable.next(after: last))
            return true
        }
    }
}
