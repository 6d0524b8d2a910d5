import Modules

/// Says whether an access token is valid, whose it is and until when (as RFC 7662 does).
final class IntrospectionService: Sendable {
    private let database: any Database
    private let tokens: TokenIssuer
    private let memberships: MembershipService

    init(database: any Database, tokens: TokenIssuer, memberships: MembershipService) {
        self.database = database
        self.tokens = tokens
        self.memberships = memberships
    }

    /// A token is valid where a request with it would be admitted: also its person's membership of its organisation is
    /// required.
    /// - Throws: only for failures of the server; an invalid token is a result.
    func introspect(_ token: String) async throws(Problem) -> TokenIntrospection {
        do {
            let verified = try await tokens.verify(token)
            guard let person = try await database.read({ try $0.person(verified.person) }), !person.isSuspended,
                try await memberships.role(of: verified.person, in: verified.organisation) != nil
            else {
                return TokenIntrospection(reason: nil)
            }
            return TokenIntrospection(verified, person)
        } catch {
            guard error.kind.status == 401 else { throw error }
            return TokenIntrospection(reason: error.members["details"]?.string ?? error.title)
        }
    }
}
