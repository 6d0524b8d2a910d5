package import Identity
package import Modules

/// Work of which a plan limits how much is active at once, counted from the rows of the work itself. Products declare
/// theirs:
///
/// ```swift
/// extension Concurrency {
///     static let agents = Concurrency("agents", of: "sessions") {
///         "FROM agent_sessions WHERE organisation_id = \($0) AND ended_at IS NULL"
///     }
/// }
/// ```
package struct Concurrency: Sendable {
    /// As in the plans.
    package let name: String
    /// As in "Maximum 5 active sessions allowed."
    package let noun: String
    /// Selects the rows that are active at a time; begins with FROM.
    let active: @Sendable (ID<Organisation>, Instant) -> SQL

    package init(_ name: String, of noun: String, active: @escaping @Sendable (ID<Organisation>) -> SQL) {
        self.init(name, of: noun) { organisation, _ in active(organisation) }
    }

    /// Work that ends by itself: a row can be active until a time.
    package init(_ name: String, of noun: String, active: @escaping @Sendable (ID<Organisation>, Instant) -> SQL) {
        self.name = name
        self.noun = noun
        self.active = active
    }
}
