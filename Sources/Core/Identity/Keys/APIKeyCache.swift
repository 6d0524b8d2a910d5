import Modules

/// The caches of API keys on one node, and the scopes that keys can have.
struct APIKeyCache: Sendable {
    let scopes: KeyScopeCatalog
    /// Valid keys by the hash of their text.
    let owners = TTLCache<[UInt8], APIKeyOwner>()
    /// The keys whose last use was written within ``APIKeyReader/useResolution``.
    let uses = TTLCache<ID<APIKey>, Bool>(lifetime: APIKeyReader.useResolution, refreshesEarly: false)
    /// The keys for which a wrong secret was recorded within the last minute.
    let wrongSecrets = TTLCache<ID<APIKey>, Bool>(lifetime: .minutes(1), refreshesEarly: false)
}

/// A valid key with the present role of its owner.
struct APIKeyOwner: Sendable {
    let key: APIKey
    let role: Role
    /// The key's scopes, limited to those that the role allows.
    let scopes: Set<KeyScope>

    init(key: APIKey, role: Role, catalog: KeyScopeCatalog) {
        self.key = key
        self.role = role
        scopes = catalog.effective(key.scopes, for: role)
    }
}
