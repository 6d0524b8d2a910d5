import CommandSandbox
import Foundation
import TestKit
import Testing

/// A working folder of one test, beside a folder that no command may reach.
final class SandboxFixture: Sendable {
    let folder: URL
    let outside: URL
    let sandbox = CommandSandbox(concurrency: 2, queueCapacity: 8)
    /// An argument of no other process.
    let marker = "98765.\(UInt32.random(in: 100_000_000...999_999_999))"
    private let parent: URL

    init() throws {
        parent = FileManager.default.temporaryDirectory.appending(path: "gatehouse-command-\(UUID().uuidString)")
        folder = parent.appending(path: "folder")
        outside = parent.appending(path: "outside")
        // The folder of data of a server is closed to other accounts as well.
        for url in [parent, folder, outside] {
            try FileManager.default.createDirectory(
                at: url, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        }
    }

    deinit { try? FileManager.default.removeItem(at: parent) }

    func run(
        _ arguments: [String], environment: [String: String] = [:], input: String = "",
        _ change: (inout CommandLimits) -> Void = { _ in }
    ) async throws -> CommandResult {
        var limits = CommandLimits()
        change(&limits)
        return try await sandbox.run(
            SandboxedCommand(
                arguments, environment: environment, folder: folder.path, input: Array(input.utf8), limits: limits))
    }

    func shell(_ script: String, _ change: (inout CommandLimits) -> Void = { _ in }) async throws -> CommandResult {
        try await run(["sh", "-c", script], change)
    }

    /// Perl has calls of the system by name and by number, and is on every Debian.
    func perl(_ script: String, _ change: (inout CommandLimits) -> Void = { _ in }) async throws -> CommandResult {
        try await run(["perl", "-e", script], change)
    }

    func write(_ text: String, to name: String, permissions: Int = 0o600) throws {
        let path = folder.appending(path: name).path
        #expect(
            FileManager.default.createFile(
                atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: permissions]))
    }

    func text(of name: String) throws -> String {
        try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    }

    func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: folder.appending(path: name).path)
    }

    /// The processes of this machine that have ``marker`` among their arguments.
    var markedProcesses: [Int32] {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }.filter {
                FileManager.default.contents(atPath: "/proc/\($0)/cmdline")?.range(of: Data(marker.utf8)) != nil
            }
        }
    }
}

extension Trait where Self == ConditionTrait {
    static var runsCommands: Self { .enabled("commands can be run here") { await CommandSandbox.isTested() } }
}
