/// What a client may cost before it has proved anything: sizes in bytes, times as durations. Each has the default that
/// the service runs with.
package struct HTTPLimits: Sendable {
    /// The request line and all header fields of one request; more is answered 431.
    package var headerListBytes = 32 << 10
    /// Header fields of one request; more is answered 431.
    package var headerCount = 100
    /// The target of one request; more is answered 414.
    package var uriBytes = 8 << 10
    /// From a connection's start, or from the first byte of a later request, to the end of the head.
    package var headerTime: Duration = .seconds(15)
    /// Between two requests of one connection.
    package var idleTime: Duration = .seconds(75)
    /// Without a byte of the body while a handler waits for one; then 408.
    package var bodyStallTime: Duration = .seconds(30)
    /// Without the client taking a byte of the answer.
    package var writeStallTime: Duration = .seconds(60)
    /// Connections open at once; the next ones wait in the kernel's backlog.
    package var connections = 10_000
    /// What is left of a body that its handler did not read, and is read and dropped so that the connection can go on.
    package var unreadBodyBytes = 256 << 10
    /// How long a client may go on sending after the last answer of its connection, so that it comes to read that
    /// answer instead of a reset (RFC 9112 §9.6).
    package var lingerTime: Duration = .seconds(10)
    /// How much it may send in that time.
    package var lingerBytes = 64 << 20
    /// From the start of a graceful shutdown to the end of every connection.
    package var drainTime: Duration = .seconds(25)
    /// One WebSocket message, its fragments put together.
    package var webSocketMessageBytes = 1 << 20

    /// Pieces that a file is read and sent in.
    static let filePieceBytes = 128 << 10
    /// Connections that the kernel holds ready while the server is busy.
    static let backlog = 1024

    package init() {}
}
