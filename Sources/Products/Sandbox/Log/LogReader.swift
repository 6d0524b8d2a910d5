import HTTPTypes
import Identity
import Modules

/// Who reads the log of a session: a client that has its id, which is a capability; where the installation asks for it,
/// an authenticated member who may see the session.
struct LogReader: Requirement {
    let member: Member
    /// `SANDBOX_LOGS_REQUIRE_TOKEN`.
    let requiresToken: Bool

    var phase: RequestPhase { requiresToken ? member.phase : .network }
    var problems: [Problem.Kind] { requiresToken ? member.problems : [] }
    var summary: RequirementSummary { requiresToken ? member.summary : RequirementSummary(.public) }

    /// - Returns: nil where the id is enough.
    func check(_ request: Request) async throws(Problem) -> Scope? {
        guard requiresToken else { return nil }
        return try await member.check(request)
    }
}
