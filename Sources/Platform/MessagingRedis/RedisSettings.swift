/// How a client talks to its server, and where its patience ends.
package struct RedisSettings: Sendable {
    package var address: RedisAddress
    /// A PEM file of the authorities that a server's certificate is trusted for; nil trusts those of the system.
    package var certificateAuthority: String?
    /// For the connection with TLS, AUTH and SELECT, until the first PONG.
    package var connectTimeout: Duration = .seconds(2)
    /// From a command's being handed in to its answer. A server that takes longer is taken for gone.
    package var commandTimeout: Duration = .seconds(1)
    /// Commands of one connection without an answer; more are refused at once.
    package var pendingCommandsMax = 8_192
    /// Bytes of them together.
    package var pendingBytesMax = 16 << 20
    package var backoff = RedisBackoff()
    package var limits = RESPParser.Limits()

    package init(address: RedisAddress) { self.address = address }
}

/// How long to wait before the next try: twice as long each time up to a bound, and a random part of that, so that many clients whose
/// server comes back do not all come at once.
package struct RedisBackoff: Sendable {
    package var first: Duration = .milliseconds(50)
    package var longest: Duration = .seconds(5)

    package init() {}

    /// - Parameter failures: how many tries failed since a connection last worked, from 1.
    package func delay(after failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        var bound = first
        for _ in 1..<min(max(failures, 1), 32) where bound < longest { bound *= 2 }
        bound = min(bound, longest)
        return bound / 2
            + .nanoseconds(Int64.random(in: 0...max(1, Int64(bound / 2 / .nanoseconds(1))), using: &generator))
    }
}

/// Why a command has no answer.
package enum RedisError: Error, Sendable, Hashable, CustomStringConvertible {
    /// There is no connection; the command was not sent.
    case notConnected(String)
    /// The connection broke after the command was sent: it may or may not have been carried out.
    case unknownOutcome(String)
    /// Too many commands wait already; this one was not sent.
    case overloaded
    /// The client was closed; the command was not sent.
    case closed
    /// The server's own words.
    case refused(String)
    /// The server answered in a shape that the command does not have.
    case unexpectedReply

    package var description: String {
        switch self {
        case .notConnected(let why): "not connected to Redis: \(why)"
        case .unknownOutcome(let why):
            "the connection to Redis broke under this command, whose outcome is unknown: \(why)"
        case .overloaded: "too many commands wait for Redis"
        case .closed: "the client of Redis is closed"
        case .refused(let words): "Redis refused: \(words)"
        case .unexpectedReply: "Redis answered in an unexpected shape"
        }
    }
}
