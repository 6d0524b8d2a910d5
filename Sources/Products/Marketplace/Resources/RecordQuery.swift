import Modules

/// The filters of a list of free-form records: every parameter whose name does not begin with `_` names a member.
struct RecordFilters: Requirement {
    typealias Proof = [(name: String, value: String)]

    static let countMax = 8

    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { [.validationFailed, .uriTooLong] }
    var summary: RequirementSummary {
        RequirementSummary(.query, "filters", schema: .map(.string(maxLength: 255)), isRequired: false)
    }

    func check(_ request: Request) throws(Problem) -> Proof {
        let found = request.query.values.filter { !$0.key.hasPrefix("_") }.sorted { $0.key < $1.key }.map {
            (name: $0.key, value: $0.value)
        }
        guard found.count <= Self.countMax else {
            throw Problem.invalid("/query", "must have at most \(Self.countMax) filters")
        }
        for (name, value) in found {
            guard name.unicodeScalars.count <= 64, value.unicodeScalars.count <= 255, !name.hasNUL,
                !value.hasNUL
            else { throw Problem.invalid("/query", "has a filter that is too long, or has a NUL character") }
        }
        return found
    }
}

/// The order of a list of free-form records: a member, with `-` before it for descending.
struct RecordSort: Requirement {
    struct Proof: Sendable {
        /// Nil for the time of creation.
        let member: String?
        let isDescending: Bool
    }

    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { [.validationFailed] }
    var summary: RequirementSummary {
        RequirementSummary(.query, "_sort", schema: .string(minLength: 1, maxLength: 65), isRequired: false)
    }

    func check(_ request: Request) throws(Problem) -> Proof {
        guard let text = request.query["_sort"] else { return Proof(member: nil, isDescending: true) }
        let isDescending = text.hasPrefix("-")
        let name = isDescending ? String(text.dropFirst()) : text
        guard (1...64).contains(name.unicodeScalars.count), !name.hasNUL else {
            throw Problem.invalid("/query/_sort", "must be the name of a member")
        }
        return Proof(member: name == "created_at" ? nil : name, isDescending: isDescending)
    }
}
