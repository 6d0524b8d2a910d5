import ArgumentParser
import Foundation
import NIOPosix

/// The system of the proof and of the measurement of chat, in a process of its own. It writes its port to the file
/// `port` in its folder.
struct ServeChatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "serve-chat", shouldDisplay: false)

    @Option var folder: String
    @Option var database: String?
    @Option(help: "The base URL of the service of models.")
    var upstream: String
    @Option(help: "Tokens of each plan.")
    var limits: [Int64]
    @Option var loops = 1

    func run() async throws {
        let server = try await ChatServer(folder: folder, database: database, upstream: upstream, limits: limits)
        try await server.serve(on: MultiThreadedEventLoopGroup(numberOfThreads: loops)) { [folder] port in
            // Atomically, so that a waiting process never reads a part of it.
            try? "\(port)".write(toFile: "\(folder)/port", atomically: true, encoding: .utf8)
        }
    }

    /// Starts the process, and waits until it listens.
    /// - Returns: the process, and the URL of its server.
    static func start(
        folder: URL, database: String? = nil, upstream: String, limits: [Int64], on affinity: Child.Affinity = .all
    ) async throws -> (process: Child, url: String) {
        try? FileManager.default.removeItem(at: folder.appending(path: "port"))
        // A limit of -1 is no option.
        var arguments = ["serve-chat", "--folder", folder.path, "--upstream", upstream]
        arguments += limits.map { "--limits=\($0)" }
        if let database { arguments += ["--database", database] }
        let process = try Child.own(arguments, on: affinity)
        do { return (process, "http://127.0.0.1:\(try await Child.port(in: folder))") } catch {
            process.kill()
            throw error
        }
    }
}
