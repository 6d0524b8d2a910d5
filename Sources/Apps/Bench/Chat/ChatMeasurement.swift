import Base
import Foundation
import NIOCore
import NIOPosix
import TestKit

/// What a streamed answer costs between a client and the service of a model: time to the first token, processor time,
/// memory, and the time in which a client that goes away ends the connection to the service. Beside no server, a
/// reverse proxy and LiteLLM. The server has one core; the clients and the service, in this process, have the other.
struct ChatMeasurement {
    let effort: Effort
    let scratch: URL
    let peers: [Peer]
    /// The program of LiteLLM's proxy; nil where it is not installed.
    let liteLLM: String?

    /// Of the system; turns are begun by one of them, or by all.
    private static let accounts = 16
    /// Clients that go away.
    private var leaving: Int { 20 * effort.rounds }

    private static var core: Child.Affinity { Machine.cores > 1 ? .core(0) : .all }

    func run() async throws -> [Table] {
        try Self.pin(toLast: true)
        defer { try? Self.pin(toLast: false) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let upstream = try await ChatUpstream.start(
            on: MultiThreadedEventLoopGroup(numberOfThreads: 1), ChatLoad.answer)
        var report = ChatReport()
        var targets = [ChatTarget(name: ChatTarget.direct, port: upstream.port)]
        // A proxy that is asked to end may take its time.
        defer { for target in targets { target.process?.kill() } }
        targets.append(try await system(upstream))
        for (number, (name, peer)) in try proxies(upstream).enumerated() {
            guard let target = try await start(name, peer, upstream, port: Machine.port(60 + number), on: group) else {
                report.missing.append(name)
                continue
            }
            targets.append(target)
        }
        for target in targets {
            report.memory[target.name] = try await bytesOfStream(target, on: group)
        }
        for _ in 0..<effort.rounds {
            for load in [ChatLoad.many, .fast] {
                for target in targets { report.add(try await measure(load, target, on: group), of: target, load) }
            }
            for accounts in [1, Self.accounts] {
                report.turns[accounts, default: []].append(
                    try await measure(.short, targets[1], accounts: accounts, on: group))
            }
        }
        report.leaving = try await leave(targets[1], upstream, on: group)
        await upstream.stop()
        return report.tables
    }

    /// Lets this process run on the last core alone, or on all of them.
    private static func pin(toLast isLast: Bool) throws {
        guard Machine.cores > 1 else { return }
        let cores = isLast ? "\(Machine.cores - 1)" : "0-\(Machine.cores - 1)"
        _ = try Child.output(
            of: "/usr/bin/taskset",
            ["--all-tasks", "--cpu-list", "--pid", cores, "\(ProcessInfo.processInfo.processIdentifier)"])
    }

    // MARK: Servers

    private func system(_ upstream: ChatUpstream) async throws -> ChatTarget {
        let folder = try folder("system")
        let (process, url) = try await ServeChatCommand.start(
            folder: folder, upstream: upstream.url, limits: [-1], on: Self.core)
        do {
            let tokens = try await Accounts.register(Self.accounts, at: url, plan: ChatServer.plan(0))
            let port = url.split(separator: ":").last.flatMap { Int($0) } ?? 0
            return ChatTarget(name: ChatTarget.system, port: port, tokens: tokens, process: process)
        } catch {
            process.stop()
            throw error
        }
    }

    /// The peers, and LiteLLM.
    private func proxies(_ upstream: ChatUpstream) throws -> [(name: String, peer: Peer?)] {
        let settings = try folder("litellm").appending(path: "config.yaml")
        try """
        model_list:
          - model_name: \(ChatServer.model)
            litellm_params: { model: openai/\(ChatServer.model), api_base: "\(upstream.url)", api_key: none }
        """.write(to: settings, atomically: true, encoding: .utf8)
        let own = liteLLM.flatMap { program in
            Peer(
                argument: "\(ChatTarget.liteLLM)=\(program) --config \(settings.path) --host 127.0.0.1 --port $PORT "
                    + "--num_workers 1 --telemetry False")
        }
        return peers.map { ($0.name, $0) } + [(ChatTarget.liteLLM, own)]
    }

    private func start(
        _ name: String, _ peer: Peer?, _ upstream: ChatUpstream, port: Int, on group: any EventLoopGroup
    ) async throws -> ChatTarget? {
        guard let peer else { return nil }
        let process = try peer.start(
            port: port, tokens: try folder("peer").appending(path: "tokens"),
            environment: [
                "UPSTREAM": "http://127.0.0.1:\(upstream.port)",
                // It asks for no key then, as no peer does.
                "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
            ], on: Self.core)
        let target = ChatTarget(name: name, port: port, process: process)
        if try await target.isReady(on: group) { return target }
        process.kill()
        return nil
    }

    // MARK: Measurements

    private func measure(
        _ load: ChatLoad, _ target: ChatTarget, accounts: Int = 1, on group: any EventLoopGroup
    ) async throws -> ChatSample {
        let log = ChatLog()
        let channels = try await target.open(load, accounts: accounts, log: log, on: group)
        // Every stream has begun then.
        try await Task.sleep(for: load.length + .milliseconds(500))
        _ = log.take()
        let (start, before) = (ContinuousClock.now, target.processorSeconds)
        try await Task.sleep(for: .seconds(effort.roundSeconds))
        let (counts, after) = (log.take(), target.processorSeconds)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        log.isOver.isSet = true
        for channel in channels { try? await channel.close().get() }
        // What the closed streams leave to do is not the next load's.
        try await Task.sleep(for: .milliseconds(500))
        return ChatSample(counts, seconds: seconds, processorSeconds: after - before)
    }

    /// Resident memory of the server for one of 200 streams.
    private func bytesOfStream(_ target: ChatTarget, on group: any EventLoopGroup) async throws -> Double {
        guard let process = target.process else { return .nan }
        // The first ones fill caches and pools.
        _ = try await measure(.fast, target, on: group)
        let before = process.residentMiB
        let channels = try await target.open(.many, log: ChatLog(), on: group)
        try await Task.sleep(for: ChatLoad.many.length + .milliseconds(500))
        let after = process.residentMiB
        for channel in channels { try? await channel.close().get() }
        try await Task.sleep(for: .seconds(1))
        return (after - before) * 1_048_576 / Double(channels.count)
    }

    /// From a client's close of its connection to the end of that to the service, while the service sends nothing.
    private func leave(_ target: ChatTarget, _ upstream: ChatUpstream, on group: any EventLoopGroup) async throws
        -> DurationHistogram
    {
        let silent = ChatLoad(title: "", streams: 1, tokens: 1, pace: 0)
        var times = DurationHistogram()
        for _ in 0..<leaving {
            let log = ChatLog()
            let channels = try await target.open(silent, ends: false, log: log, on: group)
            for _ in 0..<5_000 where log.tokens == 0 { try await Task.sleep(for: .milliseconds(1)) }
            let (closed, start) = (upstream.closedCount, ContinuousClock.now)
            for channel in channels { try? await channel.close().get() }
            while upstream.closedCount == closed, .now - start < .seconds(20) {
                try await Task.sleep(for: .microseconds(200))
            }
            times.record(.now - start)
        }
        return times
    }

    private func folder(_ name: String) throws -> URL {
        let folder = scratch.appending(path: "chat-\(name)", directoryHint: .isDirectory)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }
}

/// One round of a load.
struct ChatSample: Sendable {
    let tokensPerSecond: Double
    let streamsPerSecond: Double
    let failures: Int
    let p50Milliseconds: Double
    let p99Milliseconds: Double
    /// Processor time of the server.
    let microsecondsOfToken: Double
    let microsecondsOfStream: Double

    init(_ counts: ChatLog.Counts, seconds: Double, processorSeconds: Double) {
        tokensPerSecond = Double(counts.tokens) / seconds
        streamsPerSecond = Double(counts.streams) / seconds
        failures = counts.failures
        p50Milliseconds = counts.first.percentile(50) / .milliseconds(1)
        p99Milliseconds = counts.first.percentile(99) / .milliseconds(1)
        microsecondsOfToken = processorSeconds / Double(counts.tokens) * 1e6
        microsecondsOfStream = processorSeconds / Double(counts.streams) * 1e6
    }
}
