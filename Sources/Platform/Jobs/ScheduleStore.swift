import Base
import Storage

extension Transaction {
    func upsertSchedule(_ id: String, rule: String, nextAt: Instant) throws {
        try execute(
            """
            INSERT INTO schedules (id, rule, next_at, changed_at) VALUES (\(id), \(rule), \(nextAt), \(now))
            ON CONFLICT (id) DO UPDATE
            SET rule = excluded.rule, next_at = excluded.next_at, changed_at = excluded.changed_at
            WHERE schedules.rule <> excluded.rule
            """
        )
    }

    /// The rules of all schedules, by id.
    func scheduleRules() throws -> [String: String] {
        let rows = try all("SELECT id, rule FROM schedules") {
            (id: try $0["id"] as String, rule: try $0["rule"] as String)
        }
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.id, $0.rule) })
    }

    func dueSchedules(of ids: [String]) throws -> [String] {
        try all("SELECT id FROM schedules WHERE \(isDue) AND id IN \(list: ids) ORDER BY next_at, id") {
            try $0["id"]
        }
    }

    /// The earliest tick after now.
    func nextTick(of ids: [String]) throws -> Instant? {
        try first("SELECT MIN(next_at) AS next_at FROM schedules WHERE next_at > \(now) AND id IN \(list: ids)")?
            .read("next_at", as: Instant?.self)
    }

    /// - Returns: the next tick, which is later than now where the clock was set back; nil when none is due or another
    ///   process has locked the schedule.
    func lockDueSchedule(_ id: String, rule: String) throws -> Instant? {
        try first(
            """
            SELECT next_at FROM schedules
            WHERE id = \(id) AND rule = \(rule) AND \(isDue) \(.skipLocked)
            """
        )?["next_at"]
    }

    /// Its next tick has come, or its last one is in the future, by more than the clocks of processes differ.
    private var isDue: SQL {
        let ahead = now + Schedule.lateAfter
        return "(next_at <= \(now) OR last_tick_at > \(ahead) OR changed_at > \(ahead))"
    }

    func pullBackSchedule(_ id: String, to next: Instant) throws {
        try execute(
            "UPDATE schedules SET next_at = \(next), last_tick_at = NULL, changed_at = \(now) WHERE id = \(id)")
    }

    /// - Returns: false when the tick was recorded before.
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

    /// - Returns: the number of deleted ticks.
    func pruneTicks(firedBefore limit: Instant, atMost count: Int) throws -> Int {
        let ticks = try all(
            """
            SELECT schedule_id, tick_at FROM schedule_ticks WHERE fired_at < \(limit) ORDER BY fired_at LIMIT \(count)
            """
        ) { row in
            (schedule: try row["schedule_id"] as String, at: try row["tick_at"] as Instant)
        }
        for tick in ticks {
            try execute("DELETE FROM schedule_ticks WHERE schedule_id = \(tick.schedule) AND tick_at = \(tick.at)")
        }
        return ticks.count
    }
}
