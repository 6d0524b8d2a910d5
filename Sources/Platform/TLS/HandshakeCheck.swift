import NIOCore
import NIOEmbedded
import NIOSSL

/// A handshake of a server's context with a usual client, in memory.
enum HandshakeCheck {
    /// Two exchanges are enough for TLS 1.3, three for TLS 1.2.
    private static let exchangesMax = 8

    /// Whether a client of this process, which accepts any certificate, completes a handshake and sends a byte. A key may
    /// be well-formed and yet of a kind or a size that clients do not take.
    static func succeeds(with context: NIOSSLContext) -> Bool {
        guard let handler = try? ClientTLS.unverified().handler(for: "localhost") else { return false }
        let (client, server) = (EmbeddedChannel(handler: handler), EmbeddedChannel())
        defer {
            _ = try? client.finish(acceptAlreadyClosed: true)
            _ = try? server.finish(acceptAlreadyClosed: true)
        }
        do {
            try server.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
            let address = try SocketAddress(ipAddress: "127.0.0.1", port: 443)
            server.connect(to: address, promise: nil)
            client.connect(to: address, promise: nil)
            try exchange(client, server)
            try client.writeOutbound(ByteBuffer(string: "a"))
            try exchange(client, server)
            return try server.readInbound(as: ByteBuffer.self) == ByteBuffer(string: "a")
        } catch {
            return false
        }
    }

    private static func exchange(_ client: EmbeddedChannel, _ server: EmbeddedChannel) throws {
        for _ in 0..<exchangesMax {
            let moved = try [move(from: client, to: server), move(from: server, to: client)]
            guard moved.contains(true) else { return }
        }
    }

    private static func move(from sender: EmbeddedChannel, to receiver: EmbeddedChannel) throws -> Bool {
        var hasMoved = false
        while let bytes = try sender.readOutbound(as: ByteBuffer.self) {
            try receiver.writeInbound(bytes)
            hasMoved = true
        }
        return hasMoved
    }
}
