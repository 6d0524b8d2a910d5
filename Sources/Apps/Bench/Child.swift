import Foundation

/// A child process with its processor time and memory.
struct Child: Sendable {
    /// The processors that a process may run on.
    enum Affinity: Sendable {
        case core(Int)
        /// The first cores, as many as this.
        case first(Int)
        case all

        /// Nil for all.
        fileprivate var list: String? {
            switch self {
            case .core(let core): "\(core)"
            case .first(let count): count < Machine.cores ? "0-\(count - 1)" : nil
            case .all: nil
            }
        }
    }

    private let process: Process

    /// - Parameters:
    ///   - folder: the working directory; that of this process by default.
    ///   - output: the standard output; discarded by default.
    ///   - error: the standard error; that of this process by default.
    init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], in folder: URL? = nil,
        on affinity: Affinity = .all, output: Any = FileHandle.nullDevice, error: Any = FileHandle.standardError
    ) throws {
        let process = Process()
        if let list = affinity.list {
            // taskset replaces itself by the program, so the process identifier is the program's.
            process.executableURL = URL(filePath: "/usr/bin/taskset")
            process.arguments = ["--cpu-list", list, program] + arguments
        } else {
            process.executableURL = URL(filePath: program)
            process.arguments = arguments
        }
        if let folder { process.currentDirectoryURL = folder }
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = error
        try process.run()
        self.process = process
    }

    /// Starts this program with a hidden subcommand.
    static func own(_ arguments: [String], on affinity: Affinity = .all) throws -> Child {
        try Child(ownPath, arguments, on: affinity)
    }

    /// Runs a program.
    /// - Returns: its standard output.
    /// - Throws: ``Failed`` where its status is not 0.
    static func output(
        of program: String, _ arguments: [String], in folder: URL? = nil, on affinity: Affinity = .all
    ) throws -> Data {
        let pipe = Pipe()
        let child = try Child(program, arguments, in: folder, on: affinity, output: pipe)
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        child.process.waitUntilExit()
        guard child.process.terminationStatus == 0 else {
            throw Failed(program: program, status: child.process.terminationStatus)
        }
        return data
    }

    /// Runs a hidden subcommand that writes one JSON value.
    static func result<Value: Decodable>(of arguments: [String], as _: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(Value.self, from: output(of: ownPath, arguments))
    }

    static var ownPath: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }

    struct Failed: Error, CustomStringConvertible {
        let program: String
        let status: Int32
        var description: String { "\(program) ended with status \(status)" }
    }

    /// Sends SIGKILL and waits for the end of the process.
    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    var identifier: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }
    /// Whether a signal has ended the process.
    var wasKilled: Bool { !process.isRunning && process.terminationReason == .uncaughtSignal }

    /// Of a process that has ended: its status, or the number of the signal that ended it.
    var status: Int32 { process.terminationStatus }

    /// Waits for the end of the process.
    /// - Throws: ``Failed`` where its status is not 0.
    func end() throws {
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failed(program: process.executableURL?.lastPathComponent ?? "?", status: process.terminationStatus)
        }
    }

    /// Sends SIGTERM and waits for the end of the process, which is killed after ten seconds: a program may have begun
    /// with the signal blocked, as the thread has it that started it.
    func stop() {
        process.terminate()
        for _ in 0..<1_000 where process.isRunning { usleep(10_000) }
        if process.isRunning { kill() } else { process.waitUntilExit() }
    }

    /// As ``stop()``, with SIGINT, by which PostgreSQL ends without waiting for its clients.
    func interrupt() {
        process.interrupt()
        process.waitUntilExit()
    }

    /// Seconds of processor time so far, in user and kernel mode.
    var processorSeconds: Double { ProcessTimes(of: "\(process.processIdentifier)")?.own ?? .nan }

    /// As ``processorSeconds``, with those of its children.
    var processorSecondsWithChildren: Double { ProcessTimes.withChildren(of: process.processIdentifier) }

    /// Resident memory in MiB.
    var residentMiB: Double { Self.mebibytes("VmRSS", of: "\(process.processIdentifier)") }

    /// The value in MiB of a line of /proc/PID/status, which is in kB.
    static func mebibytes(_ name: String, of process: String) -> Double {
        Machine.line(name, of: "/proc/\(process)/status").flatMap { Double($0.prefix { $0.isNumber }) }.map {
            $0 / 1_024
        } ?? .nan
    }

    /// Waits at most 10 s for the port that a server of this program writes to its folder.
    /// - Throws: ``NotRunning``.
    static func port(in folder: URL) async throws -> String {
        for _ in 0..<2_000 {
            if let port = try? String(contentsOf: folder.appending(path: "port"), encoding: .utf8) { return port }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw NotRunning(folder: folder.lastPathComponent)
    }

    struct NotRunning: Error, CustomStringConvertible {
        let folder: String
        var description: String { "the server '\(folder)' did not start within 10 s" }
    }
}
