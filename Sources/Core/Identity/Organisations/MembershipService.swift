import Modules

/// Looks up memberships for the gate, which needs one with every request, and caches them.
package final class MembershipService: Sendable {
    private struct Key: Hashable, Sendable {
        let person: ID<Person>
        let organisation: ID<Organisation>
    }

    private let database: any Database
    private let runtime: Runtime
    private let cache = TTLCache<Key, OrganisationRole?>()

    init(database: any Database, runtime: Runtime) {
        self.database = database
        self.runtime = runtime
    }

    /// The role of `person` in `organisation`, at most half a second old; nil for a person who is not a member, and for
    /// an organisation that does not exist.
    func role(of person: ID<Person>, in organisation: ID<Organisation>) async throws(Problem) -> OrganisationRole? {
        let key = Key(person: person, organisation: organisation)
        let now = runtime.now()
        if let cached = cache.value(for: key, at: now) { return cached }
        let membership = try await database.read { try $0.membership(of: person, in: organisation) }
        // A person is always the owner of their personal organisation, so that entry does not expire.
        cache.set(membership?.role, for: key, at: now, lasts: membership?.isPersonal ?? false)
        return membership?.role
    }

    /// Empties this node's cache after a change made on this node.
    func invalidate() { cache.invalidateAll() }
}
