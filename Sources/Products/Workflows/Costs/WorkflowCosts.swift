import GoalGraphs
import Identity
import Modules

/// What the calls of tools have cost, beside what they were estimated at.
struct WorkflowCosts: Sendable, Hashable {
    /// Attempts at steps that have ended with a result or a failure.
    var attempts: Int64
    var cost: MicroDollars
    var estimated: MicroDollars

    static let zero = WorkflowCosts(attempts: 0, cost: .zero, estimated: .zero)

    static func + (left: Self, right: Self) -> Self {
        Self(
            attempts: left.attempts + right.attempts, cost: left.cost + right.cost,
            estimated: left.estimated + right.estimated)
    }
}

/// The rows of ``WorkflowCosts`` that are summed: one for each person, plan and day.
struct WorkflowCostQuery: Sendable {
    /// Nil for all of them.
    var organisation: ID<Organisation>?
    var person: ID<Person>?
    /// Days since 1970, in UTC.
    var days: ClosedRange<Int64>

    /// What the rows are grouped by.
    enum Group { case day, person, plan }

    /// The days of one request, and the people that are listed.
    static let daysMax = 366
    static let peopleMax = 100

    /// The day of a time.
    static func day(of instant: Instant) -> Int64 { instant.seconds.quotient(flooredBy: 86_400) }
}
