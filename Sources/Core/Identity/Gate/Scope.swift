package import Modules

/// Who is acting, and in which organisation. Every verb takes one, so no query can forget its tenant.
package struct Scope: Sendable {
    package let organisation: ID<Organisation>
    package let person: ID<Person>
    package let role: Role
    /// What the caller showed at the door.
    package let credential: Credential
    /// Who acts in the person's name; nil where it is the person.
    package let impersonator: ID<Person>?
    /// Names the request in audit rows.
    package let requestID: String
    package let address: String

    /// The session that the caller is signed in with; nil for API keys.
    package var session: ID<Session>? {
        if case .session(let id) = credential { id } else { nil }
    }

    /// The same caller in another organisation, to which the gate has found them to belong.
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

/// What a caller proved to be somebody with.
package enum Credential: Sendable, Hashable {
    case session(ID<Session>)
    /// The scopes are those that the key may use now: its own, cut to what its owner may.
    case key(ID<APIKey>, scopes: Set<KeyScope>)
}
