package import Modules

/// The requirement of a verified e-mail address. It follows the requirement that admits the request.
///
/// An account can be registered with the address of another person. What outlives a session or reaches other people,
/// such as an API key or an invitation, requires that the owner of the address has verified it.
package struct VerifiedRequirement: Requirement {
    let member: Member
    let database: any Database

    package var phase: RequestPhase { .account }
    package var problems: [Problem.Kind] { member.problems + [.emailNotVerified] }
    package var summary: RequirementSummary { RequirementSummary(.verified) }

    package func check(_ request: Request) async throws(Problem) -> VerifiedEmail {
        let person = try await member.scope(of: request).person
        guard try await database.read({ try $0.verifiedAddressKey(of: person) }) != nil else {
            throw Problem(.emailNotVerified)
        }
        return VerifiedEmail(person: person)
    }
}

/// The proof that the caller's e-mail address is verified.
package struct VerifiedEmail: Sendable {
    let person: ID<Person>
}

extension Problem.Kind {
    package static let emailNotVerified = Self("email-not-verified", "Verify your e-mail address first.", status: 403)
}
