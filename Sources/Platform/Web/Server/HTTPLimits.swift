import TLS

/// The limits of a connection before a handler runs: sizes in bytes, times as durations. The defaults are those of
/// production.
package struct HTTPLimits: Sendable {
    /// The request line and all header fields of one request; more is answered 431.
    package var headerListBytes = 32 << 10
    /// Header fields of one request; more is answered 431.
    package var headerCount = 100
    /// The target of one request; more is answered 414.
    package var uriBytes = 8 << 10
    /// From the start of a connection, or the first byte of a later request, to the end of the head; then 408.
    package var headerTimeout: Duration = .seconds(15)
    /// From the start of a connection to the end of the handshake of TLS; then it is closed. The time of the first head
    /// has begun as well.
    package var handshakeTimeout: Duration = .seconds(10)
    /// Bytes of a client before the end of the handshake, up to one read more.
    package var handshakeBytes = 32 << 10
    /// Between two requests of one connection; then the connection is closed.
    package var idleTimeout: Duration = .seconds(75)
    /// Without a byte of the body while a handler waits for one; then 408.
    package var bodyReadTimeout: Duration = .seconds(30)
    /// Time that handlers wait for the parts of one body altogether; then 408.
    package var bodyTimeout: Duration = .seconds(1_800)
    /// The time that handlers wait for one body at any rate; ``bodyBytesPerSecondMin`` applies after it.
    package var bodyRateGrace: Duration = .seconds(30)
    /// Bytes of a body for each second of waiting beyond ``bodyRateGrace``; a slower body is answered 408.
    package var bodyBytesPerSecondMin = 4 << 10
    /// Bytes of collected bodies in memory, of all connections together; a body that needs more is answered 503.
    package var bodyMemoryBytes = 128 << 20
    /// The part of them that one network may take, except trusted proxies.
    package var bodyMemoryBytesPerNetwork = 32 << 20
    /// Bytes of each body that neither of them counts, so that small requests are served while it is used
    /// up.
    package var uncountedBodyBytes = 16 << 10
    /// Without the client reading a byte of the response; then the connection is closed.
    package var writeTimeout: Duration = .seconds(60)
    /// Open connections, or fewer where the process may open fewer files. Further ones are restricted to health checks.
    package var connections = 10_000
    /// Open connections of one network, except those of trusted proxies. Further ones are restricted to health checks.
    package var connectionsPerNetwork = 256
    /// Open connections that are restricted to health checks; a further one closes the oldest of them.
    package var restrictedConnections = 16
    /// From the start of a restricted connection to the end of its request's head; then it is closed.
    package var restrictedHeaderTimeout: Duration = .seconds(2)
    /// Bytes of a body that its handler did not read and that are dropped to keep the connection; a longer rest closes
    /// it.
    package var unreadBodyBytes = 256 << 10
    /// How long a client may go on sending after the last response of its connection, so that it reads the response and
    /// not a reset (RFC 9112 §9.6).
    package var lingerTimeout: Duration = .seconds(10)
    /// How many bytes it may send in that time.
    package var lingerBytes = 64 << 20
    /// From the start of a graceful shutdown to the end of every connection.
    package var drainTimeout: Duration = .seconds(25)
    /// One WebSocket message, all of its fragments together.
    package var webSocketMessageBytes = 64 << 10
    /// Frames of one WebSocket, control frames too, that its client may send at once; as many as a message may have
    /// fragments, and some more.
    package var webSocketFramesAtOnce = 5_000
    /// And from then on in each second. A client that sends more is disconnected.
    package var webSocketFramesPerSecond = 250
    /// A WebSocket without a byte of its client for this long is closed; after half of it the server sends a ping.
    package var webSocketIdleTimeout: Duration = .seconds(60)
    /// From the server's close frame to the end of the connection.
    package var webSocketCloseTimeout: Duration = .seconds(5)

    /// The size of a connection's first receive buffer, which it keeps until it is closed, also as a WebSocket that is
    /// idle. Most requests fit in it, and it grows where they do not.
    static let firstReadBytes = 1 << 10
    /// Bytes of a request that are read at once.
    static let readBytesMax = 64 << 10
    /// Bytes of a WebSocket that one tick of an event loop reads: small frames take far more time than their bytes.
    static let webSocketReadBytes = 8 << 10
    /// The size of the chunks in which a file is read and sent.
    static let fileChunkBytes = 128 << 10
    /// How much larger than the message a compressed frame may be: deflate stores what it cannot compress in blocks.
    static let deflateOverhead = 1 << 10
    /// Connections that the kernel accepts ahead of the server.
    static let backlog = 1024
    /// Open files that are not connections: databases, uploads, connections to other servers.
    static let otherFiles = 256

    package init() {}
}

extension HTTPLimits {
    var handshake: HandshakeLimits { HandshakeLimits(timeout: handshakeTimeout, bytes: handshakeBytes) }

    /// To those of a restricted connection.
    mutating func restrict() {
        headerTimeout = restrictedHeaderTimeout
        handshakeTimeout = min(handshakeTimeout, restrictedHeaderTimeout)
    }

    /// With no more connections than a process may have that opens `count` files at once.
    func bounded(byOpenFiles count: Int) -> HTTPLimits {
        var limits = self
        limits.connections = min(connections, max(1, count - Self.otherFiles - restrictedConnections))
        return limits
    }
}
