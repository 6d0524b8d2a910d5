package import Modules

/// The authenticated client of a request and the organisation that it acts in. Every verb of a service takes one, so
/// that every query can name its organisation.
package struct Scope: Sendable {
    package let organisation: ID<Organisation>
    package let person: ID<Person>
    package let role: Role
    package let credential: Credential
    /// The administrator who acts as the person; nil without impersonation.
    package let impersonator: ID<Person>?
    /// The request's id in audit rows.
    package let requestID: String
    package let address: String

    /// The session of the credential; nil for API keys.
    package var session: ID<Session>? {
        if case .session(let id) = credential { id } else { nil }
    }

    /// The same client in another organisation. The membership has been checked.
    func moved(to organisation: ID<Organisation>) -> Scope {
        Scope(
            organisation: organisation,
            person: person,
            role: role,
            credential: credential,
            impersonator: impersonator,
            requestID: requestID,
            address: address
        )
    }
}

extension Scope {
    /// The scope of a verified access token or session cookie.
    init(_ token: VerifiedToken, of request: Request) {
        self.init(
            organisation: token.organisation,
            person: token.person,
            role: token.role,
            credential: .session(token.session),
            impersonator: token.impersonator,
            requestID: request.requestID,
            address: request.address
        )
    }
}

/// What a request was authenticated with.
package enum Credential: Sendable, Hashable {
    case session(ID<Session>)
    /// The scopes are those that the key grants now: its own, limited to those of its owner's role.
    case key(ID<APIKey>, scopes: Set<KeyScope>)
}
