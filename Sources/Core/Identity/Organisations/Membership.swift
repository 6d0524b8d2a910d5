import Modules

/// What somebody is in an organisation.
package enum OrganisationRole: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
    case owner, admin, member

    /// Whether somebody who is this may invite or remove somebody who is, or shall be, `other`.
    func mayManage(_ other: OrganisationRole) -> Bool {
        switch self {
        case .owner: true
        case .admin: other == .member
        case .member: false
        }
    }
}

/// Who belongs to which organisation, as the gate asks for it with every call.
package struct MembershipService: Sendable {
    private struct Place: Hashable, Sendable {
        let person: ID<Person>
        let organisation: ID<Organisation>
    }

    private let database: any Database
    private let runtime: Runtime
    private let memory = TTLCache<Place, OrganisationRole?>()

    init(database: any Database, runtime: Runtime) {
        self.database = database
        self.runtime = runtime
    }

    /// What `person` is in `organisation`; nil for no member, also where there is no such organisation. At most half a second old.
    func role(of person: ID<Person>, in organisation: ID<Organisation>) async throws(Problem) -> OrganisationRole? {
        let place = Place(person: person, organisation: organisation)
        let now = runtime.now()
        if let known = memory.value(for: place, at: now) { return known }
        let membership = try await database.read { try $0.membership(of: person, in: organisation) }
        // Nobody stops owning their personal organisation, so that answer need never be asked for again.
        memory.set(membership?.role, for: place, at: now, lasts: membership?.isPersonal ?? false)
        return membership?.role
    }

    /// After a change made here.
    func forget() { memory.invalidateAll() }
}

/// One person's place in one organisation.
struct Membership: Sendable {
    let role: OrganisationRole
    /// Whether the organisation is the person's own.
    let isPersonal: Bool
}
