import Foundation
import NIOCore
import NIOPosix

/// A running server whose readers are measured: the system, or a peer.
struct RealtimeServer: Sendable {
    let name: String
    let process: Child
    private let port: Int
    /// Nil for a peer.
    private let token: String?

    static let system = "Gatehouse, SQLite"

    static var core: Child.Affinity { Machine.cores > 1 ? .core(0) : .all }
    static var clientCore: Child.Affinity { Machine.cores > 1 ? .core(1) : .all }

    /// Starts the system in a folder, which may have been used before.
    /// - Parameter token: of an account that exists; nil registers one.
    static func system(in folder: URL, token: String? = nil) async throws -> RealtimeServer {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try? FileManager.default.removeItem(at: folder.appending(path: "port"))
        let process = try Child.own(["serve", "gatehouse", "--folder", folder.path, "--loops", "1"], on: core)
        do {
            guard let port = Int(try await Child.port(in: folder)) else { throw CocoaError(.fileReadCorruptFile) }
            var known = token
            if known == nil { known = try await Accounts.register(1, at: "http://127.0.0.1:\(port)").first }
            return RealtimeServer(name: system, process: process, port: port, token: known)
        } catch {
            process.stop()
            throw error
        }
    }

    /// Starts a peer, and waits at most 10 s until it accepts a WebSocket.
    /// - Returns: nil where it does not.
    static func peer(_ peer: Peer, port: Int, in folder: URL) async throws -> RealtimeServer? {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let process = try peer.start(port: port, tokens: folder.appending(path: "tokens"), on: core)
        let server = RealtimeServer(name: peer.name, process: process, port: port, token: nil)
        for _ in 0..<200 where process.isRunning {
            let target = server.readers(of: "ready")
            if let socket = try? await target.open(1, on: MultiThreadedEventLoopGroup.singleton).first {
                try? await socket.close().get()
                return server
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        process.stop()
        return nil
    }

    /// The WebSockets of a topic's readers; a peer has one topic.
    /// - Parameter position: the last message that they have; nil begins with the messages to come.
    func readers(of topic: String, after position: Int? = nil) -> SocketTarget {
        guard let token else { return SocketTarget(port: port, path: "/ws", token: nil) }
        let query = position.map { "?after=\($0)" } ?? ""
        return SocketTarget(
            port: port, path: "/v1/realtime/topics/\(BenchTopics.family).\(topic)\(query)", token: token)
    }

    /// Publishes messages to a number of readers, in a process of its own on the client's core.
    func follow(_ load: RealtimeLoad) throws -> FollowCommand.Result {
        let publish = token == nil ? "/ws?pub=1" : Self.messages(of: load.topic)
        let output = try Child.output(
            of: Child.ownPath,
            ["follow"] + readers(of: load.topic).arguments + [
                "--publish", publish, "--readers", "\(load.readers)", "--messages", "\(load.messages)",
                "--rate", "\(load.rate)", "--server", "\(process.identifier)",
            ], on: Self.clientCore)
        return try JSONDecoder().decode(FollowCommand.Result.self, from: output)
    }

    static func messages(of topic: String) -> String { "/v1/bench/topics/\(topic)/messages" }

    var url: String { "http://127.0.0.1:\(port)" }

    /// The access token of the account, for a client of the system.
    var accessToken: String { token ?? "" }
}

/// Messages to readers of one topic.
struct RealtimeLoad: Hashable, Sendable {
    let title: String
    let readers: Int
    let messages: Int
    /// Messages a second; 0 for as many as are delivered.
    let rate: Int

    var topic: String { "fan-\(readers)-\(rate)" }
}
