import Modules

/// The filters of a list: a parameter for each filtered field of the resource.
struct ResourceFilters<R: Resource>: Requirement {
    /// By field.
    typealias Proof = [(field: ResourceField, value: SQL.Value)]

    private static var filtered: [ResourceField] { R.fields.filter { $0.use.contains(.filtered) } }

    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { [.validationFailed] }
    /// One object whose members are parameters of their own, as OpenAPI writes objects in queries by default.
    var summary: RequirementSummary {
        let properties = Self.filtered.map {
            Schema.Object.Property(name: $0.name, schema: .string(maxLength: 255), isRequired: false)
        }
        return RequirementSummary(
            .query, "filters", schema: .object(Schema.Object(properties: properties)), isRequired: false)
    }

    func check(_ request: Request) throws(Problem) -> Proof {
        var found: Proof = []
        for field in Self.filtered {
            guard let text = request.query[field.name] else { continue }
            found.append((field, try field.filter(text)))
        }
        return found
    }
}

/// The order of a list: a sorted field, with `-` before it for descending.
struct ResourceSort<R: Resource>: Requirement {
    typealias Proof = SQL

    private static var columns: [String] {
        ["created_at", "updated_at"]
            + R.fields.filter { $0.use.contains(.sorted) }.compactMap { field in
                if case .averageRating = field.form { field.name } else { field.column == nil ? nil : field.name }
            }
    }

    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { [.validationFailed] }
    var summary: RequirementSummary {
        RequirementSummary(
            .query, "_sort", schema: .enumeration(Self.columns.flatMap { [$0, "-\($0)"] }), isRequired: false)
    }

    func check(_ request: Request) throws(Problem) -> SQL {
        guard let text = request.query["_sort"] else { return "created_at DESC, id DESC" }
        let isDescending = text.hasPrefix("-")
        let name = isDescending ? String(text.dropFirst()) : text
        guard Self.columns.contains(name) else {
            throw Problem.invalid("/query/_sort", "must be one of: \(Self.columns.joined(separator: ", "))")
        }
        return Self.order(R.field(name), name, isDescending: isDescending)
    }

    private static func order(_ field: ResourceField?, _ name: String, isDescending: Bool) -> SQL {
        let direction: SQL = isDescending ? "DESC" : "ASC"
        if let field, case .averageRating = field.form { return "\(Rating.average) \(direction), id \(direction)" }
        return "\(SQL(trusted: field?.column ?? name)) \(direction), id \(direction)"
    }
}

/// The average of ratings in SQL.
enum Rating {
    /// 0 without ratings.
    static let average: SQL = "(rating_sum * 1.0 / (CASE WHEN rating_count = 0 THEN 1 ELSE rating_count END))"

    /// The average in hundredths, rounded half up; 0 without ratings.
    static func rounded(sum: Int64, count: Int64) -> DecimalNumber {
        guard count > 0 else { return DecimalNumber(0) }
        return DecimalNumber((sum * 200 + count) / (2 * count), fractionDigits: 2)
    }
}

/// A part of a text to look for, for `LIKE … ESCAPE '\'`.
struct LikePattern: SQLBindable {
    let text: String

    /// - Parameter part: matched without case where both engines agree: in ASCII letters.
    init(containing part: String) {
        let escaped = part.lowercased().replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing(
            "_", with: "\\_")
        text = "%\(escaped)%"
    }

    var sqlValue: SQL.Value { .text(text) }
}
