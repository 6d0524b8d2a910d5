/// The settings of a client: address, timeouts and limits.
package struct RedisSettings: Sendable {
    package var address: RedisAddress
    /// A PEM file of trusted certificate authorities; nil trusts those of the system.
    package var certificateAuthority: String?
    /// From TCP connect over TLS, AUTH and SELECT to the first PONG.
    package var connectTimeout: Duration = .seconds(2)
    /// From the enqueueing of a command to its reply. When it is exceeded the connection is closed.
    package var commandTimeout: Duration = .seconds(1)
    /// Commands of one connection without a reply; further ones fail with ``RedisError/overloaded``.
    package var pendingCommandsMax = 8_192
    /// The total bytes of these commands.
    package var pendingBytesMax = 16 << 20
    package var backoff = RedisBackoff()
    package var limits = RESPParser.Limits()

    package init(address: RedisAddress) { self.address = address }
}

/// The delay before the next connection attempt: exponential up to a bound, with random jitter of half of it, so that
/// many clients do not reconnect at the same time.
package struct RedisBackoff: Sendable {
    package var first: Duration = .milliseconds(50)
    package var longest: Duration = .seconds(5)

    package init() {}

    /// - Parameter failures: failed attempts since the last working connection, at least 1.
    package func delay(after failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        var bound = first
        for _ in 1..<min(max(failures, 1), 32) where bound < longest { bound *= 2 }
        bound = min(bound, longest)
        return bound / 2
            + .nanoseconds(Int64.random(in: 0...max(1, Int64(bound / 2 / .nanoseconds(1))), using: &generator))
    }
}

/// The reason why a command has no reply.
package enum RedisError: Error, Sendable, Hashable, CustomStringConvertible {
    /// There is no connection; the command was not sent.
    case notConnected(String)
    /// The connection broke after the command was sent: the server may or may not have executed it.
    case unknownOutcome(String)
    /// Too many commands are pending; this one was not sent.
    case overloaded
    /// The client was closed; the command was not sent.
    case closed
    /// An error reply of the server, as its text.
    case refused(String)
    /// A reply of a type that the command does not have.
    case unexpectedReply

    package var description: String {
        switch self {
        case .notConnected(let reason): "not connected to Redis: \(reason)"
        case .unknownOutcome(let reason):
            "the connection to Redis broke after the command was sent; its outcome is unknown: \(reason)"
        case .overloaded: "too many commands are pending at Redis"
        case .closed: "the Redis client is closed"
        case .refused(let message): "Redis refused: \(message)"
        case .unexpectedReply: "Redis sent an unexpected reply"
        }
    }
}
