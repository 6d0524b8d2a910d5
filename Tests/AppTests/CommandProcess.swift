import Foundation

/// A command of `gatehouse` in a process of its own, which a test can kill.
final class CommandProcess: Sendable {
    private let process: Process
    private let outputFile: URL

    /// - Parameter folder: the working folder, which also gets the file of the output.
    init(_ arguments: [String], in folder: URL, environment: [String: String]) throws {
        outputFile = folder.appending(path: "command-\(UUID().uuidString).log")
        _ = FileManager.default.createFile(atPath: outputFile.path(), contents: nil)
        process = Process()
        process.executableURL = ServerProcess.program
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.environment = environment
        let handle = try FileHandle(forWritingTo: outputFile)
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
    }

    /// Sends SIGKILL and waits until the process has ended.
    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Waits until the process has ended.
    func exitStatus() async -> Int32 {
        while process.isRunning { try? await Task.sleep(for: .milliseconds(10)) }
        return process.terminationStatus
    }

    /// What it has printed.
    var output: String { (try? String(contentsOf: outputFile, encoding: .utf8)) ?? "" }
}
