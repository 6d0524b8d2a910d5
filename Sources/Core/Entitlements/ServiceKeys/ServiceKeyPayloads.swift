import Identity
import Modules

struct ServiceKeyRequest: Payload {
    var name: String
    /// `reservations:write` and `usage:write`.
    var scopes: [String]
    /// The organisations that a request may name in `X-Organisation`; without it, all.
    var organisations: [ID<Organisation>]?
    /// The meters whose units the key takes; without it, all.
    var meters: [String]?
    /// Without it the key does not expire.
    var expiresAt: Instant?
    /// This or `mfa_code` is required, unless the sign-in is younger than five minutes.
    var password: String?
    var mfaCode: String?

    static let daysMax: Int64 = 3_650
    static let rules: [String: Rule] = [
        "name": .length(1...100), "scopes": .items(upTo: 20),
        "organisations": .items(upTo: ServiceKey.organisationsMax), "meters": .items(upTo: ServiceKey.metersMax),
        "password": .length(1...1_024), "mfa_code": .length(1...64),
    ]
}

/// A new key with its secret. No other response contains a secret.
struct IssuedServiceKey: Payload {
    var serviceKey: String
    var id: ID<ServiceKey>
    var name: String
    var prefix: String
    var scopes: [String]
    var organisations: [ID<Organisation>]?
    var meters: [String]?
    var createdAt: Instant
    var expiresAt: Instant?

    init(_ key: ServiceKey, text: String) {
        serviceKey = text
        id = key.id
        name = key.name
        prefix = key.prefix
        scopes = key.scopes.map(\.rawValue)
        organisations = key.organisations
        meters = key.meters
        createdAt = key.createdAt
        expiresAt = key.expiresAt
    }
}

struct ServiceKeyList: Payload {
    /// Newest first.
    var serviceKeys: [ServiceKeyView]

    var listTotal: Int64? { Int64(serviceKeys.count) }
}

struct ServiceKeyView: Payload {
    var id: ID<ServiceKey>
    var name: String
    var prefix: String
    var scopes: [String]
    var organisations: [ID<Organisation>]?
    var meters: [String]?
    var createdAt: Instant
    /// With a resolution of one minute.
    var lastUsedAt: Instant?
    var expiresAt: Instant?
    var revokedAt: Instant?
    var successorId: ID<ServiceKey>?

    init(_ key: ServiceKey) {
        id = key.id
        name = key.name
        prefix = key.prefix
        scopes = key.scopes.map(\.rawValue)
        organisations = key.organisations
        meters = key.meters
        createdAt = key.createdAt
        lastUsedAt = key.lastUsedAt
        expiresAt = key.expiresAt
        revokedAt = key.revokedAt
        successorId = key.successor
    }
}
