import Identity
import Modules
import Realtime

/// The live log of a session: a WebSocket, and a page.
struct SessionLogRoutes: Sendable {
    let reading: SessionLogReadingService
    let reader: LogReader
    let originCheck: OriginCheck
    let logger: Logger
    let runtime: Runtime

    var routes: [Route] {
        [
            .get(
                "ws/sandbox/{session_id}", "Follow the log of a session by WebSocket", requires: reader,
                .path("session_id"), SocketHandshake(originCheck: originCheck, checksOrigin: reader.requiresToken),
                problems: [.tooManySubscriptions]
            ) { [reading, logger] scope, key, handshake in
                guard let session = try await reading.session(key, for: scope) else {
                    return SessionSocket(unknown: handshake)
                }
                return try SessionSocket(
                    handshake, of: session, try await reading.follow(session, for: scope), logger: logger)
            },
            .get(
                "/sandbox/{id}", "A page with the state and the log of a session", requires: reader, .path("id"),
                problems: [.sandboxSessionNotFound, .tooManySubscriptions]
            ) { [reading, runtime] scope, key in
                guard let session = try await reading.session(key, for: scope) else {
                    throw Problem(.sandboxSessionNotFound)
                }
                return HTMLPage(
                    SessionPage.html(session, try await reading.latest(of: session), at: runtime.now()))
            },
        ]
    }
}
