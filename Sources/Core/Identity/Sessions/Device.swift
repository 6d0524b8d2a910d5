package import Modules

/// A session, as its owner reads it.
struct Device: Payload {
    var id: ID<Session>
    /// Such as `Firefox on Linux`, derived from the `User-Agent`.
    var label: String
    /// The network address of the sign-in.
    var address: String?
    var createdAt: Instant
    /// When it was last refreshed, or, with a cookie, used: exact to the lifetime of an access token.
    var lastSeenAt: Instant
    /// The latest end, however often it is refreshed.
    var expiresAt: Instant
    var signedInBy: SignInMethod
    /// Whether its credential is a cookie.
    var isBrowser: Bool
    /// Whether it is the session of this request.
    var isCurrent = false

    enum CodingKeys: String, CodingKey {
        case id, label, address, createdAt, lastSeenAt, expiresAt, signedInBy
        case isBrowser = "browser"
        case isCurrent = "current"
    }
}

extension Device {
    init(row: Row) throws {
        id = try row["id"]
        label = DeviceLabel.label(of: try row["user_agent"])
        address = try row["address"]
        createdAt = try row["created_at"]
        lastSeenAt = try row["last_used_at"]
        expiresAt = try row["expires_at"]
        signedInBy = try row["method"]
        isBrowser = try row.read("cookie_hash", as: String?.self) != nil
    }
}

extension SignInMethod: SchemaProviding {
    package static var schema: Schema { .enumeration(allCases.map(\.rawValue)) }
    package static var sample: SignInMethod { .password }
}
