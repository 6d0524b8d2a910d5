import Modules

/// A scope of API keys: the name of a group of endpoints, such as `training`. A route declares the scope that admits
/// keys.
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
    package static let training = KeyScope("training")
    /// Read what administrators can read.
    package static let administrationRead = KeyScope("administration.read", for: [.admin])

    /// Every scope that a route declares, in the order in which error messages list them. A new scope must be added
    /// here.
    package static let catalogue: [KeyScope] = [identityRead, entitlementsCheck, training, administrationRead]

    /// The scopes of a key with `names` while its owner has `role`: never more than the role allows.
    static func effective(_ names: [String], for role: Role) -> Set<KeyScope> {
        let allowed = catalogue.filter { $0.isAllowed(for: role) }
        return Set(names.contains(everything.name) ? allowed : allowed.filter { names.contains($0.name) })
    }

    /// The validation faults of a requested list of scopes.
    static func faults(in names: [String], for role: Role) -> [Problem.Fault] {
        guard !names.isEmpty else { return [Problem.Fault("/scopes", "must name at least one scope")] }
        let known = ([everything] + catalogue).filter { $0.isAllowed(for: role) }.map(\.name)
        return names.enumerated().filter { !known.contains($1) }.map { index, _ in
            Problem.Fault("/scopes/\(index)", "must be one of \(known.joined(separator: ", "))")
        }
    }
}
