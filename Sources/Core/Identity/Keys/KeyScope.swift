import Modules

/// What an API key may be used for: the name of a group of doors, such as `training`. A door says itself which scope opens it to keys.
package struct KeyScope: Sendable {
    package let name: String
    /// The roles whose keys may have it; nil for everybody's.
    private let roles: Set<Role>?

    package init(_ name: String, for roles: Set<Role>? = nil) {
        self.name = name
        self.roles = roles
    }

    /// Whether a key of somebody with `role` may have it.
    package func isOpen(to role: Role) -> Bool { roles?.contains(role) ?? true }
}

/// A scope is its name.
extension KeyScope: Hashable {
    package static func == (left: Self, right: Self) -> Bool { left.name == right.name }
    package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension KeyScope {
    /// All that the owner may do by key, also what is opened to keys later.
    package static let everything = KeyScope("*")
    /// Looking at one's own account and organisations.
    package static let identityRead = KeyScope("identity.read")
    /// Asking what the plan allows and what is left of it.
    package static let entitlementsCheck = KeyScope("entitlements.check")
    /// Telling of use that is counted elsewhere.
    package static let usageWrite = KeyScope("usage.write")
    /// Holding units for work that is done elsewhere, and settling them.
    package static let entitlementsReserve = KeyScope("entitlements.reserve")
    /// Telling of use that lies far back.
    package static let usageBackfill = KeyScope("usage.backfill")
    package static let training = KeyScope("training")
    /// Looking at what administrators look at.
    package static let administrationRead = KeyScope("administration.read", for: [.admin])

    /// Every scope that opens a door, in the order in which they are listed to people. A new one gets its line here.
    package static let catalogue: [KeyScope] = [
        identityRead, entitlementsCheck, entitlementsReserve, usageWrite, usageBackfill, training, administrationRead,
    ]

    /// What a key with `names` may do while its owner has `role`: never more than the owner.
    static func effective(_ names: [String], for role: Role) -> Set<KeyScope> {
        let open = catalogue.filter { $0.isOpen(to: role) }
        return Set(names.contains(everything.name) ? open : open.filter { names.contains($0.name) })
    }

    /// The faults of a list of scopes that somebody with `role` asks for.
    static func faults(in names: [String], for role: Role) -> [Problem.Fault] {
        guard !names.isEmpty else { return [Problem.Fault("/scopes", "must name at least one scope")] }
        let known = ([everything] + catalogue).filter { $0.isOpen(to: role) }.map(\.name)
        return names.enumerated().filter { !known.contains($1) }.map { index, _ in
            Problem.Fault("/scopes/\(index)", "must be one of \(known.joined(separator: ", "))")
        }
    }
}
