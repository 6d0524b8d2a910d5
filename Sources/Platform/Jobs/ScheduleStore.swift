import Base
import Storage

extension Transaction {
    func keep(_ schedule: String, rule: String, nextAt: Instant) throws {
        try execute(
            """
            INSERT INTO schedules (id, rule, next_at, changed_at) VALUES (\(schedule), \(rule), \(nextAt), \(now))
            ON CONFLICT (id) DO UPDATE SET rule = excluded.rule, next_at = excluded.next_at, changed_at = excluded.changed_at
            WHERE schedules.rule <> excluded.rule
            """
        )
    }

    func dueSchedules(of ids: [String]) throws -> [String] {
        try all("SELECT id FROM schedules WHERE next_at <= \(now) AND id IN \(list: ids) ORDER BY next_at, id") {
            try $0["id"]
        }
    }

    /// - Returns: the tick that is due; nil when none is, or another process is at it.
    func lockDueSchedule(_ id: String, rule: String) throws -> Instant? {
        try first(
            "SELECT next_at FROM schedules WHERE id = \(id) AND rule = \(rule) AND next_at <= \(now) \(.skipLocked)")?[
                "next_at"]
    }

    /// - Returns: false when the tick was counted before.
    func insertTick(of schedule: String, at tick: Instant) throws -> Bool {
        try execute(
            """
            INSERT INTO schedule_ticks (schedule_id, tick_at, fired_at) VALUES (\(schedule), \(tick), \(now))
            ON CONFLICT (schedule_id, tick_at) DO NOTHING
            """
        ) == 1
    }

    func moveSchedule(_ id: String, from last: Instant, to next: Instant) throws {
        try execute("UPDATE schedules SET next_at = \(next), last_tick_at = \(last) WHERE id = \(id)")
    }

    /// - Returns: how many were deleted.
    func pruneTicks(firedBefore limit: Instant, atMost count: Int) throws -> Int {
        let ticks = try all(
            "SELECT schedule_id, tick_at FROM schedule_ticks WHERE fired_at < \(limit) ORDER BY fired_at LIMIT \(count)"
        ) { row in
            (schedule: try row["schedule_id"] as String, at: try row["tick_at"] as Instant)
        }
        for tick in ticks {
            try execute("DELETE FROM schedule_ticks WHERE schedule_id = \(tick.schedule) AND tick_at = \(tick.at)")
        }
        return ticks.count
    }
}
