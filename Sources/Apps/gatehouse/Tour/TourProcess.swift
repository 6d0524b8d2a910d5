import App
import Client
import Foundation
import Modules

/// `gatehouse serve` in a process of its own, which a tour can kill.
final class TourProcess: Sendable {
    let client: Client
    private let process: Process

    private static let startMax = Duration.seconds(60)
    private static let pollEvery = Duration.milliseconds(20)

    private init(_ process: Process, _ client: Client) { (self.process, self.client) = (process, client) }

    /// Starts this program on a free port, and waits until it listens.
    /// - Parameters:
    ///   - folder: of its data.
    ///   - settings: further environment variables.
    /// - Throws: ``Failure`` where it does not listen within 60 s.
    static func start(in folder: URL, _ settings: [String: String]) async throws -> TourProcess {
        let output = folder.appending(path: "output-\(UUID().uuidString).log")
        _ = FileManager.default.createFile(atPath: output.path(), contents: nil)
        let process = Process()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["serve"]
        process.currentDirectoryURL = folder
        process.environment = [
            "PORT": "0", "HOST": "127.0.0.1", "DATA_DIR": folder.path(), "LOG_FORMAT": "text", "LOG_LEVEL": "error",
            "PATH": "/usr/bin:/bin",
        ].merging(settings) { $1 }
        // One handle: two would have an offset each, and what one writes would replace what the other has written.
        let handle = try FileHandle(forWritingTo: output)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
        let deadline = ContinuousClock.now + startMax
        while ContinuousClock.now < deadline, process.isRunning {
            let text = (try? String(contentsOf: output, encoding: .utf8)) ?? ""
            if let address = text.firstMatch(of: /http:\/\/localhost:(\d+)/) {
                return TourProcess(process, Client(baseURL: "http://127.0.0.1:\(address.1)"))
            }
            try await Task.sleep(for: pollEvery)
        }
        process.terminate()
        let text = (try? String(contentsOf: output, encoding: .utf8)) ?? ""
        throw Failure("The tour's server did not start.\n\(text)")
    }

    /// Sends SIGKILL, and waits for the end of the process.
    func kill() async {
        if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
        while process.isRunning { try? await Task.sleep(for: Self.pollEvery) }
        await client.shutDown()
    }
}
