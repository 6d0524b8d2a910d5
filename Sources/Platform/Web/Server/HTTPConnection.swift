import Base
import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTP1
import Telemetry

/// The task of one connection: it serves requests in the order of their arrival, each answered before the next is read.
struct HTTPConnection: ServerChildChannelValue {
    let bridge: ConnectionBridge
    let peerAddress: String
    /// Of a client that connects directly.
    let network: NetworkRange?
    /// Beyond a limit of connections: it answers one health check.
    let isRestricted: Bool

    var channel: any Channel { bridge.channel }

    func serve(as server: HTTPConnections, logger: Logger) async {
        await withTaskCancellationHandler {
            do {
                let loop = RequestLoop(connection: self, server: server, bridge: bridge, logger: logger)
                guard try await loop.run() else { return server.sockets.add(channel) }
                // The handler closes the connection once the client has the response and has stopped sending.
                bridge.finish()
            } catch {
                logger.debug("connection failed", metadata: ["cause": "\(error)", "peer": "\(peerAddress)"])
                bridge.abort()
            }
            try? await channel.closeFuture.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }
}

private struct RequestLoop: Sendable {
    let connection: HTTPConnection
    let server: HTTPConnections
    let bridge: ConnectionBridge
    let logger: Logger

    /// Returns after the last response of the connection, or the end of its WebSocket.
    /// - Returns: false where the connection lasts, as a WebSocket that no task serves.
    /// - Throws: when the connection fails.
    func run() async throws -> Bool {
        // The request is released by now: a WebSocket lasts, and most of its memory would be its request.
        guard let upgrade = try await serveRequests() else { return true }
        let socket = WebSocket(bridge: bridge, deflate: upgrade.deflate)
        switch upgrade.service {
        case .task(let serve):
            await serve(socket)
            return true
        case .events(let begin):
            begin(socket)
            return false
        }
    }

    /// - Returns: what follows the last request; nil where nothing does.
    private func serveRequests() async throws -> WebSocketUpgrade? {
        while let part = try await bridge.nextOfConnection() {
            switch part {
            case .head(let head):
                switch try await serve(head) {
                case .request: break
                case .nothing: return nil
                case .webSocket(let upgrade): return upgrade
                }
            case .fault(let fault):
                try await write(server.malformed(fault), to: nil, keepsAlive: false)
                return nil
            case .body, .end, .message:
                // A request begins with its head. A defect here must not end the process and with it all connections.
                logger.error(
                    "connection closed: a part arrived out of order", metadata: ["peer": "\(connection.peerAddress)"])
                return nil
            }
        }
        return nil
    }

    /// What follows a request on its connection.
    private enum Continuation {
        case request
        /// That was the last request.
        case nothing
        case webSocket(WebSocketUpgrade)
    }

    private func serve(_ head: RequestHead) async throws -> Continuation {
        guard !connection.isRestricted || head.request.isHealthCheck else {
            try await write(server.malformed(.tooManyConnections), to: head, keepsAlive: false)
            return .nothing
        }
        let body =
            head.hasBody
            ? IncomingBody(
                head, from: connection.network, bridge: bridge, memory: server.bodyMemory, limits: server.limits) : nil
        if body == nil {
            // The end has usually arrived with the head.
            var end = bridge.arrivedPart()
            if end == nil { end = try await bridge.nextOfConnection() }
            guard case .end = end else { return .nothing }
        }
        let request = IncomingRequest(
            head: head.request,
            body: body.map { RequestBody($0, announcedSize: head.announcedSize, reserve: $0.reserve) } ?? .empty,
            peerAddress: connection.peerAddress
        )
        var response = await head.requestsUpgrade ? respondInChild(to: request) : server.respond(request)
        if let upgrade = response.webSocket {
            if body == nil, let fields = await WebSocketHandshake.response(to: request, on: connection.channel) {
                try await switchProtocols(to: upgrade, fields: fields + response.headers)
                return .webSocket(upgrade)
            }
            upgrade.onClose()
            response = server.malformed(.malformed)
        }
        let rest = body?.finish() ?? .nothing
        if case .fault(let fault) = rest { response = server.malformed(fault) }
        let keepsAlive =
            head.keepsAlive && !bridge.isDraining && !connection.isRestricted
            && rest.canBeDropped(upTo: server.limits.unreadBodyBytes)
            && !response.closesConnection && !(response.contentLength == nil && head.isVersion10)
        try await write(response, to: head, keepsAlive: keepsAlive)
        guard keepsAlive else { return .nothing }
        return try await body?.drop(upTo: server.limits.unreadBodyBytes) ?? true ? .request : .nothing
    }

    /// Responds in a task of its own. A task keeps the memory of its deepest call until it ends: for a WebSocket, whose
    /// task lasts, that would be the memory of the whole gate.
    private func respondInChild(to request: IncomingRequest) async -> Response {
        async let response = server.respond(request)
        return await response
    }

    /// - Parameter fields: of the 101 response.
    private func switchProtocols(to upgrade: WebSocketUpgrade, fields: HTTPFields) async throws {
        do {
            try await bridge.write(.switchProtocols(ByteBuffer(headOf: .switchingProtocols, fields), upgrade))
        } catch {
            upgrade.onClose()
            throw error
        }
    }

    private func write(_ response: Response, to head: RequestHead?, keepsAlive: Bool) async throws {
        let writer = ResponseWriter(bridge: bridge, malformed: server.malformed, logger: logger)
        // Most responses are one buffer for a socket that takes it.
        if let bytes = writer.buffer(of: response, to: head, keepsAlive: keepsAlive),
            bridge.writeWithoutWaiting(.response(bytes, nil))
        {
            return
        }
        try await writer.write(response, to: head, keepsAlive: keepsAlive)
    }
}

extension Response {
    fileprivate var closesConnection: Bool { headers.value(of: .connection)?.lowercased() == "close" }
}
