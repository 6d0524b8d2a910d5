import HTTPTypes
package import Modules

/// The opening handshake of a WebSocket, which the endpoint needs.
package struct SocketHandshake: Requirement {
    private let originCheck: OriginCheck
    private let checksOrigin: Bool

    /// - Parameter checksOrigin: whether the request is admitted by a credential, which browsers may attach by
    ///   themselves.
    package init(originCheck: OriginCheck, checksOrigin: Bool) {
        self.originCheck = originCheck
        self.checksOrigin = checksOrigin
    }

    package var phase: RequestPhase { .body }
    package var problems: [Problem.Kind] { WebSocketHandshake.problems + (checksOrigin ? [.csrfFailed] : []) }
    package var summary: RequirementSummary { RequirementSummary(.header, "Upgrade") }

    package func check(_ request: Request) throws(Problem) -> WebSocketHandshake {
        guard let handshake = try WebSocketHandshake(request) else {
            throw Problem(
                .upgradeRequired, detail: "This endpoint is a WebSocket.", headers: ["Upgrade": "websocket"])
        }
        if checksOrigin { try originCheck.check(request) }
        return handshake
    }
}
