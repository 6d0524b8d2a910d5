import Modules

/// The requirement of a public endpoint that judges a bearer token and does not require a valid one.
struct PresentedToken: Requirement {
    var phase: RequestPhase { .network }
    var problems: [Problem.Kind] { [] }
    var summary: RequirementSummary { PublicEndpoint().summary }

    /// - Returns: nil for a request without a bearer token.
    func check(_ request: Request) -> String? { request.bearerToken }
}
