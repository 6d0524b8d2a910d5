package import Modules

/// A requirement that refuses impersonation: credentials, memberships and payments can be changed only by the person.
package struct InteractiveSession<Base: MemberRequirement>: Requirement {
    let base: Base

    package var phase: RequestPhase { base.phase }
    package var problems: [Problem.Kind] { base.problems + [.impersonationNotAllowed] }
    package var summary: RequirementSummary { base.summary }

    package func check(_ request: Request) async throws(Problem) -> Scope {
        let scope = try await base.check(request)
        guard scope.impersonator == nil else {
            try await base.member.refusals.note(scope, needing: "a session of the person", at: request)
            throw Problem(.impersonationNotAllowed, detail: "Only the person can do this, with a session of their own.")
        }
        return scope
    }
}

extension MemberRequirement {
    /// The same requirement without impersonation.
    package var inPerson: InteractiveSession<Self> { InteractiveSession(base: self) }
}
