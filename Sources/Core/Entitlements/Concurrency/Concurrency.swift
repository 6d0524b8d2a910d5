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
    /// Selects the active rows of a person in all organisations; nil for work that is limited by organisation alone.
    let activeOfPerson: (@Sendable (ID<Person>, Instant) -> SQL)?

    package init(_ name: String, of noun: String, active: @escaping @Sendable (ID<Organisation>) -> SQL) {
        self.init(name, of: noun) { organisation, _ in active(organisation) }
    }

    /// Work that ends by itself: a row can be active until a time.
    package init(_ name: String, of noun: String, active: @escaping @Sendable (ID<Organisation>, Instant) -> SQL) {
        self.name = name
        self.noun = noun
        self.active = active
        activeOfPerson = nil
    }

    /// Work of which the default allowance is one of each person, whatever the number of their organisations; a plan
    /// that lists the work limits its organisation.
    package init(
        _ name: String, of noun: String, active: @escaping @Sendable (ID<Organisation>, Instant) -> SQL,
        activeOfPerson: @escaping @Sendable (ID<Person>, Instant) -> SQL
    ) {
        self.name = name
        self.noun = noun
        self.active = active
        self.activeOfPerson = activeOfPerson
    }
}
