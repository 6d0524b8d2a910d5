package import Modules

/// A requirement that refuses impersonation: credentials, memberships and payments can be changed only by the person.
package struct InteractiveSession<Base: Requirement>: Requirement where Base.Proof == Scope {
    let base: Base

    package var phase: RequestPhase { base.phase }
    package var problems: [Problem.Kind] { base.problems + [.impersonationNotAllowed] }
    package var summary: RequirementSummary { base.summary }

    package func check(_ request: Request) async throws(Problem) -> Scope {
        let scope = try await base.check(request)
        guard scope.impersonator == nil else {
            throw Problem(.impersonationNotAllowed, detail: "Only the person can do this, with a session of their own.")
        }
        return scope
    }
}

extension Requirement where Proof == Scope {
    /// The same requirement without impersonation.
    package var inPerson: InteractiveSession<Self> { InteractiveSession(base: self) }
}
