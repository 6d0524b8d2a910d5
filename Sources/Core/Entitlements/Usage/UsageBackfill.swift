import Identity
import Modules

/// Whether the caller may report usage older than ``UsageService/ageMax``: owners and administrators of the
/// organisation, and their API keys that have the scope. It refuses no request.
struct UsageBackfill: Requirement {
    let right: OrganisationRoleRequirement

    var phase: RequestPhase { .account }
    var problems: [Problem.Kind] { [] }
    var summary: RequirementSummary { RequirementSummary(.right, KeyScope.usageBackfill.name, isRequired: false) }

    func check(_ request: Request) async throws(Problem) -> Bool { try await right.isMet(by: request) }
}
