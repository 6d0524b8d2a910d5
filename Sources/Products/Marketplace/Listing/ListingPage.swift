import Modules

/// The page of a listing: `limit` and `offset`, or `_limit` and `_offset` as the generic endpoints have them.
struct ListingPage: Requirement {
    struct Proof: Sendable {
        let limit: Int
        let offset: Int
        /// Whether only the own organisation's rows are wanted.
        let isOwn: Bool
        /// Of the generic endpoints; nil without it.
        let sort: SQL?
    }

    /// Columns of `_sort`.
    let sorted: [String]

    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { [.validationFailed] }
    var summary: RequirementSummary {
        let orders = (["created_at"] + sorted).flatMap { [$0, "-\($0)"] }
        return RequirementSummary(
            .query, "page",
            schema: .object(
                .parameters(
                    ("limit", .integer(minimum: 1, maximum: 100)), ("offset", .integer(minimum: 0, maximum: 1_000_000)),
                    ("_limit", .integer(minimum: 1, maximum: 500)),
                    ("_offset", .integer(minimum: 0, maximum: 1_000_000)), ("_mine", .enumeration(["true", "false"])),
                    ("_sort", .enumeration(orders)))),
            isRequired: false)
    }

    func check(_ request: Request) throws(Problem) -> Proof {
        let reader = QueryReader(query: request.query)
        let generic = try reader.integer("_limit", 1...500)
        let limit = try reader.integer("limit", 1...100) ?? generic ?? 50
        let genericOffset = try reader.integer("_offset", 0...1_000_000)
        let offset = try reader.integer("offset", 0...1_000_000) ?? genericOffset ?? 0
        let names = ["created_at"] + sorted
        let text = try reader.choice("_sort", of: names.flatMap { [$0, "-\($0)"] })
        let sort = text.map { text -> SQL in
            let direction: SQL = text.hasPrefix("-") ? "DESC" : "ASC"
            let name = text.hasPrefix("-") ? String(text.dropFirst()) : text
            let key: SQL = name == "avg_rating" ? Rating.average : SQL(trusted: name == "price" ? "price_minor" : name)
            return "\(key) \(direction), id \(direction)"
        }
        return Proof(
            limit: Int(limit), offset: Int(offset), isOwn: try reader.choice("_mine", of: ["true", "false"]) == "true",
            sort: sort)
    }
}
