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

/// The opening handshake of a WebSocket, which the endpoint needs.
struct SocketHandshake: Requirement {
    let originCheck: OriginCheck
    /// Whether the request is admitted by a credential, which browsers may attach by themselves.
    let checksOrigin: Bool

    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { WebSocketHandshake.problems + (checksOrigin ? [.csrfFailed] : []) }
    var summary: RequirementSummary { RequirementSummary(.header, "Upgrade") }

    func check(_ request: Request) throws(Problem) -> WebSocketHandshake {
        guard let handshake = try WebSocketHandshake(request) else {
            throw Problem(
                .upgradeRequired, detail: "This endpoint is a WebSocket.", headers: ["Upgrade": "websocket"])
        }
        if checksOrigin { try originCheck.check(request) }
        return handshake
    }
}
