package import NIOCore
import NIOPosix
import Synchronization

/// A client of one Redis or Valkey server: a connection for each event loop that asks, opened when it first does.
///
/// Commands of many callers share a connection and go out together; none is ever sent twice unless it says that it may be. A connection
/// that broke is opened again, by itself; until then commands fail at once, and callers decide what they do without.
package final class RedisClient: Sendable {
    package let settings: RedisSettings
    private let pipelines: [RedisPipeline]
    private let turn = Atomic(0)
    private let digests = Mutex<[ObjectIdentifier: (script: RedisScript, digest: String)]>([:])

    package init(_ settings: RedisSettings, eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton)
    {
        self.settings = settings
        pipelines = eventLoopGroup.makeIterator().map { RedisPipeline(settings, on: $0) }
        precondition(!pipelines.isEmpty, "a group of event loops has at least one")
    }

    /// Waits for the answers to what was sent, no longer than a command may take. What comes later is refused.
    package func close() async {
        for pipeline in pipelines { await pipeline.close() }
    }

    /// Whether any connection is open now.
    package var isConnected: Bool { pipelines.contains(where: \.isConnected) }

    /// - Throws: ``RedisError``; `refused` carries the server's own words.
    package func send(_ command: RedisCommand) async throws(RedisError) -> RESPValue {
        let pipeline = pipeline()
        var outcome = await pipeline.send(command)
        if command.isIdempotent, case .failure(.unknownOutcome) = outcome { outcome = await pipeline.send(command) }
        let value = try outcome.get()
        if case .error(let words) = value { throw .refused(words) }
        return value
    }

    package func send(_ arguments: String..., isIdempotent: Bool = false) async throws(RedisError) -> RESPValue {
        try await send(RedisCommand(arguments, isIdempotent: isIdempotent))
    }

    /// Runs a script by its digest, which the server tells once; a server that has forgotten it, after a restart, is sent the text again.
    /// - Parameters:
    ///   - keys: every key that the script touches.
    ///   - arguments: what it finds in `ARGV`.
    package func run(_ script: RedisScript, keys: [String], arguments: [String]) async throws(RedisError) -> RESPValue {
        let rest = [String(keys.count)] + keys + arguments
        let digest = try await digest(of: script)
        let outcome = await pipeline().send(RedisCommand(["EVALSHA", digest] + rest))
        let value = try outcome.get()
        guard case .error(let words) = value else { return value }
        // Refused before anything of it ran, so sending it once more does it once.
        guard words.hasPrefix("NOSCRIPT") else { throw .refused(words) }
        return try await send(RedisCommand(["EVAL", script.source] + rest))
    }

    private func digest(of script: RedisScript) async throws(RedisError) -> String {
        if let known = digests.withLock({ $0[ObjectIdentifier(script)]?.digest }) { return known }
        guard let digest = try await send(RedisCommand(["SCRIPT", "LOAD", script.source], isIdempotent: true)).text
        else { throw .unexpectedReply }
        digests.withLock { $0[ObjectIdentifier(script)] = (script, digest) }
        return digest
    }

    /// The pipeline of the loop that the caller runs on, so that no thread is changed; otherwise they take turns.
    private func pipeline() -> RedisPipeline {
        if pipelines.count > 1 {
            for pipeline in pipelines where pipeline.loop.inEventLoop { return pipeline }
        }
        return pipelines[Int(UInt(bitPattern: turn.wrappingAdd(1, ordering: .relaxed).newValue) % UInt(pipelines.count))]
    }
}

/// Lua that the server runs as one step, during which nothing else happens there. Made once and kept: a client remembers each by its identity.
package final class RedisScript: Sendable {
    package let source: String
    package init(_ source: String) { self.source = source }
}
