import Base
import Client
import Foundation
import NIOCore
import NIOPosix

/// What topics cost: deliveries to WebSockets, idle WebSockets, readers that resume after a restart, and appends,
/// beside peers that keep no message. The server has one core and the client another.
struct RealtimeMeasurement {
    let effort: Effort
    let scratch: URL
    let peers: [Peer]

    private var burst: RealtimeLoad { load("burst, 200 readers", readers: 200, seconds: 5, of: 200) }
    private var steady: RealtimeLoad {
        load("1 000 deliveries a second, 200 readers", readers: 200, seconds: effort.roundSeconds, of: 5, isPaced: true)
    }
    private var loads: [RealtimeLoad] {
        [
            burst,
            load("burst, 1 000 readers", readers: 1_000, seconds: 5, of: 50),
            steady,
            load(
                "1 000 messages a second, 10 readers", readers: 10, seconds: effort.roundSeconds, of: 1_000,
                isPaced: true),
        ]
    }

    /// Readers that resume at once.
    private static let resuming = 1_000
    /// Messages that each of them has missed.
    private static let missed = 100
    private static let idleSockets = 10_000

    func run() async throws -> [Table] {
        let openFiles = Machine.raiseOpenFiles()
        var report = RealtimeReport(loads: loads, burst: burst, steady: steady)
        try await measureLoads(&report)
        let idle = min(Self.idleSockets, openFiles - 512)
        for (name, start) in starts(in: "idle") {
            if let server = try await start() {
                defer { server.process.stop() }
                report.idle.append((name, idle, try await bytesOfIdleSocket(server, count: idle)))
            }
        }
        report.resumeSeconds = try await resumeSeconds()
        report.appends = try await appends()
        return report.tables
    }

    private func load(
        _ title: String, readers: Int, seconds: Int, of perSecond: Int, isPaced: Bool = false
    ) -> RealtimeLoad {
        RealtimeLoad(
            title: title, readers: readers, messages: seconds * perSecond, rate: isPaced ? perSecond : 0)
    }

    /// The system and the peers, each of which a function starts; nil for a peer that is not installed.
    private func starts(in name: String) -> [(name: String, start: () async throws -> RealtimeServer?)] {
        let system = (RealtimeServer.system, { try await RealtimeServer.system(in: folder("\(name)-system")) })
        return [system]
            + peers.enumerated().map { number, peer in
                (
                    peer.name,
                    { try await RealtimeServer.peer(peer, port: Machine.port(40 + number), in: folder("\(name)-peer")) }
                )
            }
    }

    private func measureLoads(_ report: inout RealtimeReport) async throws {
        var servers: [RealtimeServer] = []
        defer { for server in servers { server.process.stop() } }
        for (name, start) in starts(in: "fan") {
            if let server = try await start() { servers.append(server) } else { report.missing.append(name) }
        }
        for _ in 0..<effort.rounds {
            for load in loads {
                for server in servers { report.add(try server.follow(load), of: server.name, load) }
            }
        }
    }

    /// Resident memory of the server for one WebSocket that receives nothing.
    private func bytesOfIdleSocket(_ server: RealtimeServer, count: Int) async throws -> Double {
        let group = MultiThreadedEventLoopGroup.singleton
        let target = server.readers(of: "idle")
        // The first ones fill caches and pools.
        for socket in try await target.open(100, on: group) { try? await socket.close().get() }
        try await Task.sleep(for: .seconds(2))
        let before = server.process.residentMiB
        let sockets = try await target.open(count, on: group)
        try await Task.sleep(for: .seconds(2))
        let after = server.process.residentMiB
        for socket in sockets { try? await socket.close().get() }
        return (after - before) * 1_048_576 / Double(count)
    }

    /// From the first connection after a restart of the system until every reader has the messages that it has missed.
    private func resumeSeconds() async throws -> Double {
        let place = folder("resume")
        let first = try await RealtimeServer.system(in: place)
        do { try await publish(Self.missed, to: "resume", at: first) } catch {
            first.process.stop()
            throw error
        }
        first.process.stop()
        let server = try await RealtimeServer.system(in: place, token: first.accessToken)
        defer { server.process.stop() }
        let (log, start) = (DeliveryLog(), ContinuousClock.now)
        let sockets = try await server.readers(of: "resume", after: 0).open(
            Self.resuming, together: Self.resuming, on: MultiThreadedEventLoopGroup.singleton
        ) { log.record($0) }
        try await log.wait(for: Self.resuming * Self.missed)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        for socket in sockets { try? await socket.close().get() }
        return seconds
    }

    private func publish(_ count: Int, to topic: String, at server: RealtimeServer) async throws {
        let client = Client(baseURL: server.url)
        let publisher = BenchPublisher.endpoint(
            client.signedIn(with: server.accessToken), path: RealtimeServer.messages(of: topic))
        try await attempt {
            for _ in 0..<count { try await publisher.send() }
        } finally: {
            await client.shutDown()
        }
    }

    /// Messages a second that 64 connections append to one topic, and to 100 in turn.
    private func appends() async throws -> [(topics: Int, perSecond: Double)] {
        let place = folder("appends")
        let server = try await RealtimeServer.system(in: place)
        defer { server.process.stop() }
        let tokens = place.appending(path: "tokens")
        try server.accessToken.write(to: tokens, atomically: true, encoding: .utf8)
        let wrk = try Wrk(scratch: scratch, on: RealtimeServer.clientCore)
        return try [1, 100].map { topics in
            let rounds = try (0..<effort.rounds).map { _ in
                try wrk.run(
                    "POST", "\(server.url)/v1/bench/appends?topics=\(topics)", as: .tokens(tokens), connections: 64,
                    seconds: effort.roundSeconds
                ).perSecond
            }
            return (topics, rounds.median)
        }
    }

    private func folder(_ name: String) -> URL {
        scratch.appending(path: "realtime-\(name)", directoryHint: .isDirectory)
    }
}
