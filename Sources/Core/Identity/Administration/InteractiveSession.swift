package import Modules

/// A requirement that only the person themselves meets: credentials, members and money are nobody else's to change, whoever acts in
/// the person's name.
package struct InteractiveSession<Who: Requirement>: Requirement where Who.Proof == Scope {
    let who: Who

    package var phase: RequestPhase { who.phase }
    package var problems: [Problem.Kind] { who.problems + [.impersonationNotAllowed] }
    package var summary: RequirementSummary { who.summary }

    package func check(_ call: Request) async throws(Problem) -> Scope {
        let scope = try await who.check(call)
        guard scope.impersonator == nil else {
            throw Problem(.impersonationNotAllowed, detail: "Only the person themselves can do this.")
        }
        return scope
    }
}

extension Requirement where Proof == Scope {
    /// The same requirement, not met by an administrator in somebody else's name.
    package var inPerson: InteractiveSession<Self> { InteractiveSession(who: self) }
}
