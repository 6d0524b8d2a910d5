import Modules

/// Every scope that API keys of an installation can have.
struct KeyScopeCatalog: Sendable {
    let all: [KeyScope]

    /// - Parameter products: the scopes that products declare.
    init(products: [KeyScope]) { all = KeyScope.catalogue + products }

    /// The scopes of a key with `names` while its owner has `role`: never more than the role allows.
    func effective(_ names: [String], for role: Role) -> Set<KeyScope> {
        let allowed = all.filter { $0.isAllowed(for: role) }
        return Set(names.contains(KeyScope.everything.name) ? allowed : allowed.filter { names.contains($0.name) })
    }

    /// The validation faults of a requested list of scopes.
    func faults(in names: [String], for role: Role) -> [Problem.Fault] {
        guard !names.isEmpty else { return [Problem.Fault("/scopes", "must name at least one scope")] }
        let known = ([.everything] + all).filter { $0.isAllowed(for: role) }.map(\.name)
        return names.enumerated().filter { !known.contains($1) }.map { index, _ in
            Problem.Fault("/scopes/\(index)", "must be one of \(known.joined(separator: ", "))")
        }
    }
}
