import Identity
import Modules

/// The transport of a request to the endpoint of Socket.IO.
struct SocketIOHandshake: Requirement {
    enum Choice: Sendable {
        case polling
        case webSocket(WebSocketHandshake)
    }

    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { WebSocketHandshake.problems + [.csrfFailed] }
    var summary: RequirementSummary {
        RequirementSummary(.query, "transport", schema: .enumeration(["polling", "websocket"]))
    }
    let originCheck: OriginCheck

    /// - Throws: `invalid-request` for another revision or transport; `csrf-failed` for a page of another origin.
    func check(_ request: Request) throws(Problem) -> Choice {
        try originCheck.check(request)
        guard request.query["EIO"] == "4" else {
            throw Problem(.invalidRequest, detail: "Unsupported protocol version: the query needs EIO=4.")
        }
        switch request.query["transport"] {
        case "polling": return .polling
        case "websocket":
            guard let handshake = try WebSocketHandshake(request) else {
                throw Problem(.invalidRequest, detail: "This transport begins with 'Upgrade: websocket'.")
            }
            return .webSocket(handshake)
        default: throw Problem(.invalidRequest, detail: "Transport unknown")
        }
    }
}
