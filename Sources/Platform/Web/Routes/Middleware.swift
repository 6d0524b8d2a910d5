package import Base

/// A requirement that the wiring adds to a route. It yields no proof, and the handler does not depend on it.
package protocol Middleware: Requirement where Proof == Void {
    /// Called once for each problem that a step or the handler throws.
    /// - Returns: the problem to answer with, as a rule the same one.
    func answer(to problem: Problem, of request: Request) async -> Problem
}

extension Middleware {
    package func answer(to problem: Problem, of _: Request) async -> Problem { problem }
}

/// A check of the decoded body that the wiring adds to a route: a step of ``RequestPhase/afterBody``.
package protocol BodyMiddleware: Sendable {
    /// The problems that it throws; they are documented among the route's responses.
    var problems: [Problem.Kind] { get }
    var summary: RequirementSummary { get }
    /// - Returns: false for a type of body that holds nothing to check; the route then gets no step.
    func applies(to body: any Payload.Type) -> Bool
    func check(_ body: any Payload, of request: Request) async throws(Problem)
}
