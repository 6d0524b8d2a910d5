import Modules

extension IdentityModule {
    /// Keys for programs, managed by the person they stand for.
    var apiKeyRoutes: [Route] {
        [
            .post(
                "auth/api-keys", "Make an API key, shown this once", requires: member.inPerson,
                problems: [.tooManyAPIKeys]
            ) { (request: CreateKey, scope) in
                Created(try await apiKeys.create(request, scope: scope))
            },
            .get("auth/api-keys", "One's API keys, latest first", requires: member) { scope in
                try await apiKeys.list(scope)
            },
            .post(
                "auth/api-keys/{id}/rotation", "Replace an API key; the old one goes on for a while",
                requires: member.inPerson, .path("id", of: APIKey.self),
                .query("overlap_hours", 0...168, default: Int(APIKey.overlap.inSeconds) / 3_600),
                problems: [.apiKeyEnded, .tooManyAPIKeys]
            ) { scope, id, hours in Created(try await apiKeys.rotate(id, overlap: .hours(Int64(hours)), scope: scope))
            },
            .delete("auth/api-keys/{id}", "Revoke an API key", requires: member.inPerson, .path("id", of: APIKey.self))
            { scope, id in
                try await apiKeys.revoke(id, scope: scope)
                return NoContent()
            },
            .post(
                "user/profile/reset-api-key", "Replace the default API key at once", requires: member.inPerson,
                problems: [.tooManyAPIKeys]
            ) { scope in
                let issued = try await apiKeys.reset(scope)
                return KeyReset(
                    apiKey: issued.apiKey, id: issued.id,
                    message: "The old key is revoked. Keep the new one: it is not shown again.")
            },
        ]
    }
}

struct CreateKey: Payload {
    var name: String
    /// `*` stands for all that the owner may do by key.
    var scopes: [String]
    /// Nil, also for the days, for a key that lives until it is revoked.
    var expiresAt: Instant?
    var expiresInDays: Int?

    static let daysMax: Int64 = 3_650
    static let rules: [String: Rule] = [
        "name": .length(1...100), "scopes": .items(upTo: 50), "expires_in_days": .range(1...daysMax),
    ]
}

/// A new key, with its secret: the only answer that ever holds one.
struct IssuedKey: Payload {
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

struct KeyList: Payload {
    var apiKeys: [KeyView]
}

struct KeyView: Payload {
    var id: ID<APIKey>
    var name: String
    var prefix: String
    var organisationId: ID<Organisation>
    var scopes: [String]
    var isDefault: Bool
    var createdAt: Instant
    /// To the minute.
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

struct KeyReset: Payload {
    var apiKey: String
    var id: ID<APIKey>
    var message: String
}
