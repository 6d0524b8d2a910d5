import Identity
import Modules

/// One version of a plan.
struct PlanVersion: Sendable, Hashable {
    enum Origin: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable { case file, administrator }

    let id: Plan.ID
    /// From 1.
    let number: Int64
    let document: PlanDocument
    let plan: Plan
    let origin: Origin
    let appliesAtOnce: Bool
    let createdAt: Instant
    let createdBy: ID<Person>?
}
