import Foundation

/// A process of the measurement's own, of which it knows the processor time and the memory.
struct Child: Sendable {
    /// Which processors it may run on.
    enum Place: Sendable {
        case core(Int)
        case anywhere
    }

    private let process: Process

    /// - Parameters:
    ///   - output: where its standard output goes; nowhere by default.
    init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], on place: Place = .anywhere,
        output: Any = FileHandle.nullDevice
    ) throws {
        let process = Process()
        switch place {
        case .core(let core):
            // taskset becomes the program: the process is one and the same.
            process.executableURL = URL(filePath: "/usr/bin/taskset")
            process.arguments = ["--cpu-list", "\(core)", program] + arguments
        case .anywhere:
            process.executableURL = URL(filePath: program)
            process.arguments = arguments
        }
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        try process.run()
        self.process = process
    }

    /// This program with one of its hidden subcommands.
    static func own(_ arguments: [String], on place: Place = .anywhere) throws -> Child {
        try Child(ownPath, arguments, on: place)
    }

    /// What a program writes until it ends.
    /// - Throws: ``Failed`` where its status is not 0.
    static func output(of program: String, _ arguments: [String], on place: Place = .anywhere) throws -> Data {
        let pipe = Pipe()
        let child = try Child(program, arguments, on: place, output: pipe)
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        child.process.waitUntilExit()
        guard child.process.terminationStatus == 0 else {
            throw Failed(program: program, status: child.process.terminationStatus)
        }
        return data
    }

    /// The one JSON value that a hidden subcommand writes.
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

    /// SIGKILL: the process has no say in it.
    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    var isRunning: Bool { process.isRunning }

    /// Waits for its end.
    /// - Throws: ``Failed`` where its status is not 0.
    func end() throws {
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failed(program: process.executableURL?.lastPathComponent ?? "?", status: process.terminationStatus)
        }
    }

    /// Asks it to stop and waits until it has.
    func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    /// Seconds of processor time that it has used, in its own code and in the kernel for it.
    var processorSeconds: Double {
        // proc_pid_stat(5): after the name in brackets, utime and stime are the 12th and 13th, in clock ticks.
        guard let text = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return .nan }
        let fields = text[end...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { return .nan }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// MiB of memory that it holds at this moment.
    var residentMiB: Double { Self.mebibytes("VmRSS", of: "\(process.processIdentifier)") }

    /// A line of /proc/…/status that is counted in kB.
    static func mebibytes(_ name: String, of process: String) -> Double {
        Machine.line(name, of: "/proc/\(process)/status").flatMap { Double($0.prefix { $0.isNumber }) }.map {
            $0 / 1_024
        } ?? .nan
    }

    /// The port that a server of this program has written into its folder.
    static func port(in folder: URL) async throws -> String {
        for _ in 0..<2_000 {
            if let port = try? String(contentsOf: folder.appending(path: "port"), encoding: .utf8) { return port }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw NotRunning(folder: folder.lastPathComponent)
    }

    struct NotRunning: Error, CustomStringConvertible {
        let folder: String
        var description: String { "the server '\(folder)' did not come up within 10 s" }
    }
}
