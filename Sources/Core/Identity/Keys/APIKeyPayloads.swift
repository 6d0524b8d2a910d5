import Modules

struct APIKeyRequest: Payload {
    var name: String
    /// `*` grants every scope that the owner's role allows.
    var scopes: [String]
    /// Without this and `expiresInDays` the key does not expire.
    var expiresAt: Instant?
    var expiresInDays: Int?
    /// The password, or `mfa_code`, is required where the sign-in is older than 5 minutes.
    var password: String?
    /// A code of the authenticator, or a recovery code.
    var mfaCode: String?

    static let daysMax: Int64 = 3_650
    static let rules: [String: Rule] = [
        "name": .length(1...100), "scopes": .items(upTo: 50), "expires_in_days": .range(1...daysMax),
        "password": .length(1...1_024), "mfa_code": .length(1...64),
    ]
}

/// A new key with its secret. No other response contains a secret.
struct IssuedAPIKey: Payload {
    var apiKey: String
    var id: ID<APIKey>
    var name: String
    var prefix: String
    var scopes: [String]
    var createdAt: Instant
    var expiresAt: Instant?

    init(_ key: APIKey, text: String) {
        apiKey = text
        id = key.id
        name = key.name
        prefix = key.prefix
        scopes = key.scopes
        createdAt = key.createdAt
        expiresAt = key.expiresAt
    }
}

struct APIKeyList: Payload {
    var apiKeys: [APIKeyView]

    var listTotal: Int64? { Int64(apiKeys.count) }
}

struct APIKeyView: Payload {
    var id: ID<APIKey>
    var name: String
    var prefix: String
    var organisationId: ID<Organisation>
    var scopes: [String]
    var isDefault: Bool
    var createdAt: Instant
    /// With a resolution of one minute.
    var lastUsedAt: Instant?
    var expiresAt: Instant?
    var revokedAt: Instant?
    var successorId: ID<APIKey>?

    init(_ key: APIKey) {
        id = key.id
        name = key.name
        prefix = key.prefix
        organisationId = key.organisation
        scopes = key.scopes
        isDefault = key.isDefault
        createdAt = key.createdAt
        lastUsedAt = key.lastUsedAt
        expiresAt = key.expiresAt
        revokedAt = key.revokedAt
        successorId = key.successor
    }
}

struct APIKeyReset: Payload {
    var apiKey: String
    var id: ID<APIKey>
    var message: String
}
