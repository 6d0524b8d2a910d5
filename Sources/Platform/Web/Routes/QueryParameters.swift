package import Base

/// A whole number in the query, with bounds and a default.
package struct QueryNumber: Requirement {
    let name: String
    let range: ClosedRange<Int>
    let fallback: Int
    package var phase: RequestPhase { .body }
    package var problems: [Problem.Kind] { [.validationFailed] }
    package var summary: RequirementSummary {
        RequirementSummary(
            .query, name, schema: .integer(minimum: Int64(range.lowerBound), maximum: Int64(range.upperBound)),
            isRequired: false)
    }

    package func check(_ request: Request) throws(Problem) -> Int {
        guard let text = request.query[name] else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            throw Problem.invalid(
                "/query/\(name)", "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}

/// An optional text in the query.
package struct QueryText: Requirement {
    let name: String
    let schema: Schema
    package var phase: RequestPhase { .body }
    package var problems: [Problem.Kind] { [.validationFailed] }
    package var summary: RequirementSummary { RequirementSummary(.query, name, schema: schema, isRequired: false) }

    package func check(_ request: Request) throws(Problem) -> String? {
        guard let text = request.query[name] else { return nil }
        let faults = schema.faults(in: .string(text), components: [:], at: "/query/\(name)")
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        return text
    }
}

/// A required text in the query, of 1 to `maximumLength` Unicode scalars.
package struct RequiredQueryText: Requirement {
    let name: String
    let maximumLength: Int
    package var phase: RequestPhase { .body }
    package var problems: [Problem.Kind] { [.validationFailed] }
    package var summary: RequirementSummary {
        RequirementSummary(.query, name, schema: .string(minLength: 1, maxLength: maximumLength))
    }

    package func check(_ request: Request) throws(Problem) -> String {
        guard let text = request.query[name] else { throw Problem.invalid("/query/\(name)", "is required") }
        let faults = Schema.string(minLength: 1, maxLength: maximumLength).faults(
            in: .string(text), components: [:], at: "/query/\(name)")
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        return text
    }
}

/// An optional time in the query.
package struct QueryInstant: Requirement {
    let name: String
    package var phase: RequestPhase { .body }
    package var problems: [Problem.Kind] { [.validationFailed] }
    package var summary: RequirementSummary {
        RequirementSummary(.query, name, schema: Instant.schema, isRequired: false)
    }

    package func check(_ request: Request) throws(Problem) -> Instant? {
        guard let text = request.query[name] else { return nil }
        guard let instant = Instant(text) else {
            throw Problem.invalid("/query/\(name)", "must be an ISO 8601 time in UTC, such as 2026-03-01T09:30:00Z")
        }
        return instant
    }
}

extension Requirement {
    package static func query(_ name: String, _ range: ClosedRange<Int>, default fallback: Int) -> Self
    where Self == QueryNumber {
        QueryNumber(name: name, range: range, fallback: fallback)
    }
    package static func query(_ name: String, oneOf values: [String]) -> Self where Self == QueryText {
        QueryText(name: name, schema: .enumeration(values))
    }
    package static func query(_ name: String, upTo length: Int) -> Self where Self == QueryText {
        QueryText(name: name, schema: .string(maxLength: length))
    }
    package static func query(_ name: String, required length: Int) -> Self where Self == RequiredQueryText {
        RequiredQueryText(name: name, maximumLength: length)
    }
    package static func query(_ name: String, of _: Instant.Type) -> Self where Self == QueryInstant {
        QueryInstant(name: name)
    }
}
