import Identity
import Modules

/// An organisation's right to a plan.
package struct Subscription: Sendable {
    package enum Status: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable { case active, canceled }

    let id: ID<Subscription>
    let organisation: ID<Organisation>
    let plan: Plan.ID
    let status: Status
    /// The moment that its periods are counted from; it stays when the plan changes, and so does what was used.
    let anchor: Instant

    init(id: ID<Subscription>, organisation: ID<Organisation>, plan: Plan.ID, anchor: Instant) {
        self.id = id
        self.organisation = organisation
        self.plan = plan
        self.anchor = anchor
        status = .active
    }

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        plan = try row["plan_id"]
        status = try row["status"]
        anchor = try row["anchor_at"]
    }
}
