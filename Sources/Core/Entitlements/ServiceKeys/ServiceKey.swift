import Identity
import Modules

/// A credential for a product that runs elsewhere: it reserves units and reports usage in the organisations that it
/// names, and settles only what it has reserved. Administrators create it.
struct ServiceKey: Sendable {
    enum Scope: String, Codable, CaseIterable, Sendable {
        /// Reserve units, and commit, release or extend the reservations of the key.
        case reservationsWrite = "reservations:write"
        /// Report usage events.
        case usageWrite = "usage:write"
    }

    let id: ID<ServiceKey>
    /// The key that rotations began with. Ids of operations and events are scoped by it, so that the successor of a key
    /// settles what the key reserved.
    let origin: ID<ServiceKey>
    let name: String
    /// The key's text before its secret.
    let prefix: String
    let scopes: [Scope]
    /// The organisations that a request may name; nil for all.
    let organisations: [ID<Organisation>]?
    /// The meters whose units it takes; nil for all.
    let meters: [String]?
    let createdAt: Instant
    /// Nil for a key without expiry.
    let expiresAt: Instant?
    let revokedAt: Instant?
    /// With a resolution of one minute.
    let lastUsedAt: Instant?
    /// The key that replaced this one by rotation.
    let successor: ID<ServiceKey>?

    /// Active keys of the installation.
    static let countMax = 200
    /// Keys that are listed, expired and revoked ones included.
    static let listMax = 500
    static let organisationsMax = 200
    static let metersMax = 100
    /// The default time for which a rotated key remains valid.
    static let overlap: Duration = .hours(24)
    /// How long the list shows an expired or revoked key.
    static let endedKept: Duration = .days(90)
}

/// The values of a key to insert.
struct NewServiceKey: Sendable {
    let text: ServiceKeyText
    let origin: ID<ServiceKey>
    let name: String
    let scopes: [ServiceKey.Scope]
    let organisations: [ID<Organisation>]?
    let meters: [String]?
    let createdBy: ID<Person>
    let expiresAt: Instant?
}
