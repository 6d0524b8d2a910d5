package import Modules

/// A credential for programs: it stands for a person in one organisation, and opens the doors of its scopes alone.
package struct APIKey: Sendable {
    package let id: ID<APIKey>
    let person: ID<Person>
    let organisation: ID<Organisation>
    let name: String
    /// What it looks like before its secret.
    let prefix: String
    let scopes: [String]
    /// Whether it is the one that `reset-api-key` replaces.
    let isDefault: Bool
    let createdAt: Instant
    /// Nil for a key that lives until it is revoked.
    let expiresAt: Instant?
    let revokedAt: Instant?
    let lastUsedAt: Instant?
    /// The key that follows it, once it was rotated.
    let successor: ID<APIKey>?

    /// Live keys of one person, in all organisations.
    static let countMax = 50
    /// Dead keys of one person that are still listed.
    static let deadCountMax = 100
    /// How long the old key of a rotation goes on unless its owner says otherwise.
    static let overlap: Duration = .hours(24)

    func isLive(at now: Instant) -> Bool { revokedAt == nil && expiresAt.map { $0 > now } ?? true }
}

/// A key about to be written.
struct NewAPIKey: Sendable {
    let text: KeyText
    let person: ID<Person>
    let organisation: ID<Organisation>
    let name: String
    let scopes: [String]
    let isDefault: Bool
    let expiresAt: Instant?
}
