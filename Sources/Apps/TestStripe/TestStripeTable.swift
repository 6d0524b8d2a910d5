import Base

/// The objects of one type, in the order of their creation, with indexes of members that do not change.
struct TestStripeTable {
    private(set) var ids: [String] = []
    private var objects: [String: Members] = [:]
    private var positions: [String: Int] = [:]
    private var indexes: [String: [String: [String]]]

    init(indexed: [String] = []) { indexes = Dictionary(uniqueKeysWithValues: indexed.map { ($0, [:]) }) }

    subscript(id: String) -> Members? { objects[id] }

    var count: Int { ids.count }

    mutating func insert(_ object: Members) {
        let id = object.id
        precondition(objects[id] == nil, "two objects have one id")
        positions[id] = ids.count
        ids.append(id)
        objects[id] = object
        // An iterator of the dictionary would hold a second reference, so that each index would be copied.
        for member in Array(indexes.keys) {
            if let value = object.text(member) { indexes[member]?[value, default: []].append(id) }
        }
    }

    /// - Precondition: the object exists.
    mutating func update(_ id: String, _ body: (inout Members) -> Void) {
        guard objects[id] != nil else { preconditionFailure("no object \(id)") }
        body(&objects[id]!)
    }

    /// A page, from the newest to the oldest.
    /// - Parameters:
    ///   - filter: members that have to be equal. One that is indexed is looked up.
    ///   - isIncluded: what else has to be true.
    func page(
        _ form: TestStripeForm, where filter: [String: String?] = [:], _ isIncluded: (Members) -> Bool = { _ in true }
    ) throws(TestStripeError) -> (objects: [Members], hasMore: Bool) {
        let limit = Int(try form.integer("limit") ?? 10)
        guard (1...100).contains(limit) else { throw .invalid("limit", "limit must be between 1 and 100") }
        let filter = filter.compactMapValues { $0 }
        let range = form["created"] ?? TestStripeForm()
        let exactly = try form.integer("created")
        let bounds = (
            from: try range.integer("gte"), after: try range.integer("gt"), before: try range.integer("lt"),
            to: try range.integer("lte")
        )
        let candidates: [String] =
            filter.lazy.compactMap { indexes[$0.key]?[$0.value, default: []] }.first ?? ids
        func isMatch(_ id: String) -> Bool {
            guard let object = objects[id] else { return false }
            let created = object.integer("created")
            return filter.allSatisfy { object[$0.key]?.string == $0.value || object[$0.key]?["id"]?.string == $0.value }
                && created >= bounds.from ?? exactly ?? .min && created > bounds.after ?? .min
                && created < bounds.before ?? .max && created <= bounds.to ?? exactly ?? .max && isIncluded(object)
        }
        func position(_ name: String) throws(TestStripeError) -> Int? {
            guard let id = form.text(name) else { return nil }
            guard let position = positions[id] else { throw .missing("object", id, param: name) }
            return position
        }
        let older = try position("starting_after")
        let newer = try position("ending_before")
        var found: [Members] = []
        if let newer {
            // The elements next to the cursor: the oldest ones that are newer than it.
            for id in candidates where positions[id, default: 0] > newer && isMatch(id) {
                found.append(objects[id]!)
                if found.count > limit { break }
            }
            return (found.prefix(limit).reversed(), found.count > limit)
        }
        for id in candidates.reversed() where positions[id, default: 0] < older ?? .max && isMatch(id) {
            found.append(objects[id]!)
            if found.count > limit { break }
        }
        return (Array(found.prefix(limit)), found.count > limit)
    }

    /// All objects, from the oldest to the newest.
    var all: [Members] { ids.compactMap { objects[$0] } }

    /// - Parameter member: indexed.
    func all(where member: String, is value: String) -> [Members] {
        (indexes[member]?[value] ?? []).compactMap { objects[$0] }
    }
}
