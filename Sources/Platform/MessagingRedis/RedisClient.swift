package import NIOCore
import NIOPosix
import Synchronization

/// A client of one Redis or Valkey server: one connection per event loop, opened with its first command.
///
/// Concurrent commands share a connection and are pipelined. Only idempotent commands are ever sent twice. A broken
/// connection is opened again automatically; until then commands fail at once.
package final class RedisClient: Sendable {
    package let settings: RedisSettings
    private let pipelines: [RedisPipeline]
    private let nextPipeline = Atomic(0)
    private let digests = Mutex<[ObjectIdentifier: (script: RedisScript, digest: String)]>([:])

    package init(_ settings: RedisSettings, eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton)
    {
        self.settings = settings
        pipelines = eventLoopGroup.makeIterator().map { RedisPipeline(settings, on: $0) }
        precondition(!pipelines.isEmpty, "the event loop group has at least one event loop")
    }

    /// Waits for the replies of sent commands, no longer than the command timeout. Later commands fail with
    /// ``RedisError/closed``.
    package func close() async {
        for pipeline in pipelines { await pipeline.close() }
    }

    /// Whether any connection is open.
    package var isConnected: Bool { pipelines.contains(where: \.isConnected) }

    /// - Throws: ``RedisError``; `refused` carries the error reply of the server.
    package func send(_ command: RedisCommand) async throws(RedisError) -> RESPValue {
        let pipeline = pipeline()
        var outcome = await pipeline.send(command)
        if command.isIdempotent, case .failure(.unknownOutcome) = outcome { outcome = await pipeline.send(command) }
        let value = try outcome.get()
        if case .error(let message) = value { throw .refused(message) }
        return value
    }

    package func send(_ arguments: String..., isIdempotent: Bool = false) async throws(RedisError) -> RESPValue {
        try await send(RedisCommand(arguments, isIdempotent: isIdempotent))
    }

    /// Runs a script by its SHA-1 digest (`EVALSHA`), which the server returned for `SCRIPT LOAD`. A server without the
    /// script, such as after a restart, gets its text (`EVAL`).
    /// - Parameters:
    ///   - keys: every key that the script accesses.
    ///   - arguments: the values of `ARGV`.
    package func run(_ script: RedisScript, keys: [String], arguments: [String]) async throws(RedisError) -> RESPValue {
        let rest = [String(keys.count)] + keys + arguments
        let digest = try await digest(of: script)
        let outcome = await pipeline().send(RedisCommand(["EVALSHA", digest] + rest))
        let value = try outcome.get()
        guard case .error(let message) = value else { return value }
        // NOSCRIPT is sent before the script runs, so that the second attempt executes it once.
        guard message.hasPrefix("NOSCRIPT") else { throw .refused(message) }
        return try await send(RedisCommand(["EVAL", script.source] + rest))
    }

    private func digest(of script: RedisScript) async throws(RedisError) -> String {
        if let digest = digests.withLock({ $0[ObjectIdentifier(script)]?.digest }) { return digest }
        guard let digest = try await send(RedisCommand(["SCRIPT", "LOAD", script.source], isIdempotent: true)).text
        else { throw .unexpectedReply }
        digests.withLock { $0[ObjectIdentifier(script)] = (script, digest) }
        return digest
    }

    /// The pipeline of the current event loop, which saves a change of threads; outside of event loops round robin.
    private func pipeline() -> RedisPipeline {
        if pipelines.count > 1 {
            for pipeline in pipelines where pipeline.loop.inEventLoop { return pipeline }
        }
        return pipelines[
            Int(UInt(bitPattern: nextPipeline.wrappingAdd(1, ordering: .relaxed).newValue) % UInt(pipelines.count))]
    }
}

/// A Lua script, which the server runs atomically. An instance is created once and kept: clients cache digests by its
/// identity.
package final class RedisScript: Sendable {
    package let source: String
    package init(_ source: String) { self.source = source }
}
