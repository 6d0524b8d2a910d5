import Identity
package import Modules

/// How a door takes from a limit. Declared on its requirement: `quota(.tokens, mode: .escrow)`.
package enum Admission: String, Sendable, CaseIterable {
    /// Every unit is taken from the database's own counter and is on the disk before the answer. Never over, nothing acknowledged is lost.
    case durable
    /// This node holds a block of units durably and spends it in memory. Never over either, on however many nodes; a process that is killed
    /// loses its word on at most the one block of each counter, which counts as used. For many cheap calls.
    case escrow
    /// The counter that is gone by is a second old at most and never refuses in the end, so that it can be passed: by as much as comes in that second
    /// on every node. What lies beyond is counted and shown. For soft limits.
    case advisory
}

extension EntitlementsModule {
    /// Uses the units of a charge in the way that its door declares, in a transaction of its own or in none.
    /// - Parameter operation: names this work for good where it is durable, so that it is charged once. Units of a block have no names.
    /// - Throws: `quota-exceeded`; `overloaded` where units may be left in the hands of a node that does not answer.
    package func draw(_ charge: Charge, operation: String) async throws(Problem) {
        if charge.mode == .escrow, node.current != nil { return try await escrow.draw(charge, for: self) }
        try await database.write { try spend(charge, operation: operation, in: $0) }
    }

    /// As ``standing(for:)``, at most a second old.
    func recentStanding(for call: Request) async throws(Problem) -> EntitlementSnapshot {
        let organisation = try await identity.member.scope(of: call).organisation, now = runtime.now()
        if let known = snapshotCache.value(for: organisation, at: now) { return known }
        let standing = try await standing(for: call)
        snapshotCache.set(standing, for: organisation, at: now)
        return standing
    }
}

/// Where organisations stood a moment ago.
typealias EntitlementSnapshotCache = TTLCache<ID<Organisation>, EntitlementSnapshot>
