package import Base

/// A word in the query that must be there.
package struct QueryWord: Requirement {
    let name: String
    let maximumLength: Int
    package var stage: GateStage { .input }
    package var problems: [Problem.Kind] { [.validationFailed] }
    package var summary: GateSummary {
        GateSummary(.query, name, schema: .string(minLength: 1, maxLength: maximumLength))
    }

    package func check(_ call: Request) throws(Problem) -> String {
        guard let text = call.query[name] else { throw Problem.invalid("/query/\(name)", "is required") }
        let faults = Schema.string(minLength: 1, maxLength: maximumLength).faults(
            in: .string(text), components: [:], at: "/query/\(name)")
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        return text
    }
}

/// A moment in the query, absent unless given.
package struct QueryInstant: Requirement {
    let name: String
    package var stage: GateStage { .input }
    package var problems: [Problem.Kind] { [.validationFailed] }
    package var summary: GateSummary { GateSummary(.query, name, schema: Instant.schema, isRequired: false) }

    package func check(_ call: Request) throws(Problem) -> Instant? {
        guard let text = call.query[name] else { return nil }
        guard let instant = Instant(text) else {
            throw Problem.invalid("/query/\(name)", "must be an ISO 8601 time in UTC, such as 2026-03-01T09:30:00Z")
        }
        return instant
    }
}

extension Requirement {
    package static func query(_ name: String, required length: Int) -> Self where Self == QueryWord {
        QueryWord(name: name, maximumLength: length)
    }
    package static func query(_ name: String, of _: Instant.Type) -> Self where Self == QueryInstant {
        QueryInstant(name: name)
    }
}
