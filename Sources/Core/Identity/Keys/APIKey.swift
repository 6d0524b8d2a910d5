package import Modules

/// A credential for programs. It authenticates a person in one organisation, for the endpoints of its scopes.
package struct APIKey: Sendable {
    package let id: ID<APIKey>
    let person: ID<Person>
    let organisation: ID<Organisation>
    let name: String
    /// The key's text before its secret.
    let prefix: String
    let scopes: [String]
    /// Whether `reset-api-key` replaces this key.
    let isDefault: Bool
    let createdAt: Instant
    /// Nil for a key without expiry.
    let expiresAt: Instant?
    let revokedAt: Instant?
    let lastUsedAt: Instant?
    /// The key that replaced this one by rotation.
    let successor: ID<APIKey>?

    /// Active keys of one person, in all organisations.
    static let countMax = 50
    /// Expired and revoked keys of one person that are listed.
    static let deadCountMax = 100
    /// The default time for which a rotated key remains valid.
    static let overlap: Duration = .hours(24)
}

/// The values of a key to insert.
struct NewAPIKey: Sendable {
    let text: KeyText
    let person: ID<Person>
    let organisation: ID<Organisation>
    let name: String
    let scopes: [String]
    let isDefault: Bool
    let expiresAt: Instant?
}
