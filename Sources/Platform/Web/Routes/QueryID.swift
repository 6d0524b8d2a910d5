package import Base

/// An optional id in the query.
package struct QueryID<Subject>: Requirement {
    let name: String

    package init(name: String) { self.name = name }

    package var phase: RequestPhase { .body }
    package var problems: [Problem.Kind] { [.validationFailed] }
    package var summary: RequirementSummary {
        RequirementSummary(.query, name, schema: ID<Subject>.schema, isRequired: false)
    }

    package func check(_ request: Request) throws(Problem) -> ID<Subject>? {
        guard let text = request.query[name] else { return nil }
        guard let id = ID<Subject>(text) else { throw Problem.invalid("/query/\(name)", "must be an id") }
        return id
    }
}
