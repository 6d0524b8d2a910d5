import ArgumentParser
import NIOCore
import NIOPosix

/// Where the WebSockets of a measurement connect to.
struct SocketTarget: ParsableArguments, Sendable {
    @Option var port: Int
    @Option var path: String
    @Option var token: String?

    init() {}

    init(port: Int, path: String, token: String?) {
        (self.port, self.path, self.token) = (port, path, token)
    }

    var arguments: [String] {
        ["--port", "\(port)", "--path", path] + (token.map { ["--token", $0] } ?? [])
    }

    /// Opens WebSockets.
    /// - Parameters:
    ///   - together: how many handshakes are under way at once.
    ///   - onMessage: called on an event loop with every message.
    /// - Throws: where one of them is refused.
    func open(
        _ count: Int, together: Int = 64, on group: any EventLoopGroup,
        onMessage: @escaping @Sendable (ByteBuffer) -> Void = { _ in }
    ) async throws -> [any Channel] {
        var channels: [any Channel] = []
        channels.reserveCapacity(count)
        while channels.count < count {
            let loop = group.next()
            let opening = (0..<min(together, count - channels.count)).map { _ in
                open(on: group, onMessage: onMessage)
            }
            channels += try await EventLoopFuture.whenAllSucceed(opening, on: loop).get()
        }
        return channels
    }

    private func open(
        on group: any EventLoopGroup, onMessage: @escaping @Sendable (ByteBuffer) -> Void
    ) -> EventLoopFuture<any Channel> {
        let loop = group.next()
        let opened = loop.makePromise(of: Void.self)
        let request = request
        let connected = ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        SocketHandler(request: request, opened: opened, onMessage: onMessage))
                }
            }
            .connect(host: "127.0.0.1", port: port)
        connected.whenFailure { opened.fail($0) }
        return connected.flatMap { channel in opened.futureResult.map { channel as any Channel } }
    }

    /// The opening handshake (RFC 6455 §4.1), with the key of its example.
    private var request: ByteBuffer {
        var lines = [
            "GET \(path) HTTP/1.1", "Host: 127.0.0.1:\(port)", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
        ]
        if let token { lines.append("Authorization: Bearer \(token)") }
        return ByteBuffer(string: lines.joined(separator: "\r\n") + "\r\n\r\n")
    }
}
