package import Base

/// A step that a route declares. It describes itself, runs in its phase, and yields a proof for the handler.
package protocol Requirement<Proof>: Sendable {
    /// An argument of the handler. Only the module of the requirement can make one.
    associatedtype Proof: Sendable
    /// When it runs. At most ``RequestPhase/body``.
    var phase: RequestPhase { get }
    /// The problems that it throws; they are documented among the route's responses.
    var problems: [Problem.Kind] { get }
    var summary: RequirementSummary { get }
    func check(_ request: Request) async throws(Problem) -> Proof
}
