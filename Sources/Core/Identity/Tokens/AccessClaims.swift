import Modules

/// The claims of an access token (RFC 9068).
struct AccessClaims: Codable, Sendable {
    var iss: String
    var aud: String
    var sub: String
    var sid: String
    var org: String
    var role: String
    var roles: [String]
    var csrf: String
    var iat: Int64
    var exp: Int64
    var jti: String
    /// The administrator who acts as the subject (RFC 8693, section 4.1); absent without impersonation.
    var act: Actor?

    struct Actor: Codable, Sendable {
        var sub: String
    }
}

/// The content of a verified access token or session cookie, as the gate uses it.
struct VerifiedToken: Sendable {
    let person: ID<Person>
    let organisation: ID<Organisation>
    let session: ID<Session>
    let role: Role
    let csrf: String
    /// The administrator who acts as the person; nil without impersonation.
    let impersonator: ID<Person>?
    let expiresAt: Instant
}
