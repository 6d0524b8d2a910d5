import Modules

/// An optional id in the query.
struct QueryID<Subject>: Requirement {
    let name: String
    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { [.validationFailed] }
    var summary: RequirementSummary {
        RequirementSummary(.query, name, schema: ID<Subject>.schema, isRequired: false)
    }

    func check(_ request: Request) throws(Problem) -> ID<Subject>? {
        guard let text = request.query[name] else { return nil }
        guard let id = ID<Subject>(text) else { throw Problem.invalid("/query/\(name)", "must be an id") }
        return id
    }
}
