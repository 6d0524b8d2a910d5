import Modules

/// A scope of API keys: the name of a group of endpoints, such as `identity.read`. A route declares the scope that
/// admits keys.
package struct KeyScope: Sendable {
    package let name: String
    /// The roles whose keys may have it; nil for every role.
    private let roles: Set<Role>?

    package init(_ name: String, for roles: Set<Role>? = nil) {
        self.name = name
        self.roles = roles
    }

    /// Whether a key of an owner with `role` may have it.
    package func isAllowed(for role: Role) -> Bool { roles?.contains(role) ?? true }
}

// Scopes are compared by name.
extension KeyScope: Hashable {
    package static func == (left: Self, right: Self) -> Bool { left.name == right.name }
    package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension KeyScope {
    /// Every scope that the owner's role allows, including scopes that later versions add.
    package static let everything = KeyScope("*")
    /// Read the owner's account and organisations.
    package static let identityRead = KeyScope("identity.read")
    /// Check the limits of the plan and their use.
    package static let entitlementsCheck = KeyScope("entitlements.check")
    /// Follow topics that the owner may read.
    package static let realtimeRead = KeyScope("realtime.read")
    /// Read what administrators can read.
    package static let administrationRead = KeyScope("administration.read", for: [.admin])

    /// The scopes that routes of Core declare, in the order in which error messages list them. A new scope must be
    /// added here. Products list theirs in ``IdentitySettings/keyScopes``.
    package static let catalogue: [KeyScope] = [
        identityRead, entitlementsCheck, realtimeRead, administrationRead,
    ]
}
