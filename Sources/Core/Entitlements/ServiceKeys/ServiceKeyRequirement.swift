import HTTPTypes
import Identity
import Modules

/// The requirement of a service key with a scope, in an organisation that the request names in `X-Organisation`. The
/// credential of an account does not meet it.
struct ServiceKeyRequirement: Requirement {
    let scope: ServiceKey.Scope
    let keys: ServiceKeyReader
    let member: Member

    var phase: RequestPhase { .identity }
    var problems: [Problem.Kind] { member.problems + keys.problems + [.invalidRequest] }
    var summary: RequirementSummary {
        RequirementSummary(
            .serviceKey, scope.rawValue, security: [SecurityRequirement(.serviceKey, scope: scope.rawValue)])
    }

    func check(_ request: Request) async throws(Problem) -> ServiceScope {
        guard let key = try await keys.key(of: request) else {
            throw try await member.refusal(of: request, needingServiceKey: scope.rawValue)
        }
        guard key.scopes.contains(scope) else {
            try await member.noteRefusal(ofServiceKey: key.id.text, needing: scope.rawValue, at: request)
            throw Problem(
                .insufficientScope, detail: "The service key lacks the scope \(scope.rawValue).",
                members: ["scope": .string(scope.rawValue)])
        }
        guard let named = request.headers.value(of: .organisation) else {
            throw Problem(.invalidRequest, detail: "Name the organisation in the header X-Organisation.")
        }
        guard let organisation = ID<Organisation>(named), key.organisations?.contains(organisation) ?? true else {
            try await member.noteRefusal(
                ofServiceKey: key.id.text, needing: "an organisation of the key", at: request)
            throw Problem(.notAMember, detail: "The service key is not valid in this organisation.")
        }
        let scope = ServiceScope(key: key, organisation: organisation)
        request.context.set(scope)
        request.context.accountName = key.id.text
        return scope
    }
}
