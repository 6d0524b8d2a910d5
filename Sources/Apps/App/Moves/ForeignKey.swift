/// A foreign key of a table that is moved.
struct ForeignKey: Sendable, Equatable {
    /// The name of the constraint.
    let name: String
    let table: String
    /// The table that it refers to.
    let referenced: String
}

extension [ForeignKey] {
    /// Orders tables so that each comes after those that it refers to, as far as there are no circles; otherwise by
    /// name.
    /// - Parameter tables: the names of all tables of these keys.
    func order(_ tables: [String]) -> [String] {
        var waiting = Dictionary(uniqueKeysWithValues: tables.map { ($0, Set<String>()) })
        for key in self where key.table != key.referenced { waiting[key.table]?.insert(key.referenced) }
        var ordered: [String] = []
        while !waiting.isEmpty {
            let ready = waiting.filter { $0.value.isDisjoint(with: waiting.keys) }.keys.sorted()
            // In a circle, one table goes first; its rows are checked at the end.
            let next = ready.isEmpty ? waiting.keys.min().map { [$0] } ?? [] : ready
            for table in next { waiting[table] = nil }
            ordered += next
        }
        return ordered
    }

    /// The keys whose rows can refer to rows that are not there yet: of a table to itself, and of a circle.
    /// - Parameter order: of the tables.
    func forward(in order: [String]) -> [ForeignKey] {
        let positions = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
        return filter { (positions[$0.referenced] ?? 0) >= (positions[$0.table] ?? 0) }
    }
}
