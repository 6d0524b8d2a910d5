import Client
import Foundation
import Synchronization

/// `gatehouse serve` in a process of its own, which a test can kill.
final class ServerProcess: Sendable {
    let baseURL: String
    private let process: Process
    private let folder: URL
    private let outputFile: URL

    private init(process: Process, baseURL: String, folder: URL, outputFile: URL) {
        self.outputFile = outputFile
        self.process = process
        self.baseURL = baseURL
        self.folder = folder
    }

    /// Starts the program on a port that the system chooses, and waits until it has logged its address.
    /// - Throws: ``DidNotStart`` after 60 s, or when the process ends.
    static func start(folder: URL, database: String, environment: [String: String] = [:]) async throws -> ServerProcess
    {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let output = folder.appending(path: "output-\(UUID().uuidString).log")
        _ = FileManager.default.createFile(atPath: output.path(), contents: nil)
        let process = Process()
        process.executableURL = program
        process.arguments = ["serve"]
        process.currentDirectoryURL = folder
        let settings = [
            "PORT": "0", "HOST": "127.0.0.1", "DATABASE_URL": database, "DATA_DIR": folder.path(),
            "ENVIRONMENT": "test", "BCRYPT_ROUNDS": "4",
            "JOB_LEASE_SECONDS": "3", "RATE_LIMIT_ENABLED": "false", "PATH": "/usr/bin:/bin",
        ]
        process.environment = settings.merging(environment) { $1 }
        // One handle: two would have an offset each, and what one writes would replace what the other has written.
        let handle = try FileHandle(forWritingTo: output)
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline, process.isRunning {
            let text = (try? String(contentsOf: output, encoding: .utf8)) ?? ""
            if let address = text.firstMatch(of: /(?:https?:\/\/|listening on )(?:localhost|127\.0\.0\.1):(\d+)/) {
                let scheme = environment["TLS_CERT"] == nil ? "http" : "https"
                return ServerProcess(
                    process: process, baseURL: "\(scheme)://127.0.0.1:\(address.1)", folder: folder,
                    outputFile: output)
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        process.terminate()
        throw DidNotStart(output: (try? String(contentsOf: output, encoding: .utf8)) ?? "")
    }

    var port: Int { Int(baseURL.split(separator: ":").last ?? "") ?? 0 }

    /// Waits until it has printed or logged a text.
    /// - Returns: false where it has not after 60 s, and where it ended without.
    func prints(_ text: String) async throws -> Bool {
        try await Self.waits(until: { !process.isRunning || output.contains(text) }) && output.contains(text)
    }

    /// Polls a condition for at most 60 s.
    static func waits(until isMet: () async throws -> Bool) async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            if try await isMet() { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    /// Sends SIGKILL and waits until the process has ended.
    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Sends a signal.
    func send(_ signal: Int32) { Foundation.kill(process.processIdentifier, signal) }

    /// Waits until the process has ended.
    func exitStatus() async -> Int32 {
        while process.isRunning { try? await Task.sleep(for: .milliseconds(20)) }
        return process.terminationStatus
    }

    /// What it has printed and logged.
    var output: String { (try? String(contentsOf: outputFile, encoding: .utf8)) ?? "" }

    /// The program is in the folder of the test executable.
    static var program: URL {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "gatehouse")
    }

    struct DidNotStart: Error {
        let output: String
    }
}
