import Modules
import Secrets

/// An offer of membership in an organisation to the owner of an e-mail address.
struct Invitation: Sendable {
    let id: ID<Invitation>
    let organisation: ID<Organisation>
    let email: String
    let emailKey: String
    let role: OrganisationRole
    let inviter: ID<Person>
    let createdAt: Instant
    let expiresAt: Instant

    static let lifetime: Duration = .days(7)

    /// The hash of the token in the e-mail. The token itself is not stored.
    static func hash(of token: String) -> String { Digest.hex(token) }
}
