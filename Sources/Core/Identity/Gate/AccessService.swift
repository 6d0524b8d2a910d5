package import Modules

/// Whether callers who were admitted before would be admitted again, for connections that outlive their request.
package final class AccessService: Sendable {
    private let database: any Database
    private let revocations: Revocations
    private let memberships: MembershipService

    /// API keys that one statement checks.
    private static let keysMax = 500

    init(database: any Database, revocations: Revocations, memberships: MembershipService) {
        self.database = database
        self.revocations = revocations
        self.memberships = memberships
    }

    /// Answers from what the gate caches, which is half a second old at most, and checks API keys together.
    /// - Returns: for each scope whether its session or API key has ended, or its person has left the organisation.
    package func haveEnded(_ scopes: [Scope]) async throws(Problem) -> [Bool] {
        let live = try await liveKeys(of: scopes)
        var ended: [Bool] = []
        ended.reserveCapacity(scopes.count)
        for scope in scopes {
            switch scope.credential {
            case .session(let session): ended.append(try await hasEnded(session, scope))
            case .key(let key, _): ended.append(!live.contains(key))
            }
        }
        return ended
    }

    /// The scope of a live session of an account that is open, in an organisation of which its person is a member: for
    /// credentials that a session has issued.
    /// - Returns: nil where the session cannot be used in the organisation.
    package func scope(of session: ID<Session>, in organisation: ID<Organisation>, for request: Request)
        async throws(Problem) -> Scope?
    {
        guard !revocations.contains(session) else { return nil }
        return try await database.read { transaction -> Scope? in
            guard let row = try transaction.liveSessionOwner(session), let person = try transaction.person(row.person),
                !person.isSuspended, try transaction.membership(of: person.id, in: organisation) != nil
            else { return nil }
            return Scope(
                organisation: organisation, person: person.id, role: person.role, credential: .session(session),
                impersonator: row.impersonator, requestID: request.requestID, address: request.address)
        }
    }

    private func hasEnded(_ session: ID<Session>, _ scope: Scope) async throws(Problem) -> Bool {
        if revocations.contains(session) { return true }
        return try await memberships.role(of: scope.person, in: scope.organisation) == nil
    }

    private func liveKeys(of scopes: [Scope]) async throws(Problem) -> Set<ID<APIKey>> {
        var organisations: [ID<APIKey>: ID<Organisation>] = [:]
        for scope in scopes { if case .key(let key, _) = scope.credential { organisations[key] = scope.organisation } }
        let keys = Array(organisations.keys)
        var live: Set<ID<APIKey>> = []
        for start in stride(from: 0, to: keys.count, by: Self.keysMax) {
            let some = Array(keys[start..<min(start + Self.keysMax, keys.count)])
            let among = Array(Set(some.compactMap { organisations[$0] }))
            live.formUnion(try await database.read { try $0.liveKeys(among: some, of: among) })
        }
        return live
    }
}

extension Transaction {
    /// The person of a live session, and the administrator who acts as the person.
    fileprivate func liveSessionOwner(_ id: ID<Session>) throws -> (person: ID<Person>, impersonator: ID<Person>?)? {
        try first("SELECT person_id, impersonator_id FROM sessions WHERE id = \(id) AND \(isLiveSession)") { row in
            (person: try row["person_id"], impersonator: try row["impersonator_id"])
        }
    }

    /// - Returns: those of `keys` that are valid, and whose owner's account is open and belongs to their organisation.
    fileprivate func liveKeys(among keys: [ID<APIKey>], of organisations: [ID<Organisation>]) throws -> [ID<APIKey>] {
        try all(
            """
            SELECT api_keys.id AS id FROM api_keys
            JOIN people ON people.id = api_keys.person_id AND people.suspended_at IS NULL AND people.closed_at IS NULL
            JOIN memberships ON memberships.person_id = api_keys.person_id
                AND memberships.organisation_id = api_keys.organisation_id
            WHERE api_keys.id IN \(list: keys) AND api_keys.organisation_id IN \(list: organisations)
                AND api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > \(now))
            """
        ) { try $0["id"] }
    }
}
