import CommandSandbox
import Foundation
import MCP
import Modules

/// The servers of the installation: processes that the operator declares in `mcp-servers.json` of a folder, read at the
/// start. Their commands are code that this machine runs, so that no request declares one.
///
/// ```json
/// {"mcpServers": {"time": {"command": "mcp-server-time", "args": [], "env": {}, "priority": 0}}}
/// ```
package struct MCPServerFile: Sendable {
    package struct Entry: Sendable, Hashable {
        let name: String
        let arguments: [String]
        let environment: [String: String]
        let priority: Int64
        let approval: MCPServer.Approval
        /// Bytes of all of its processes together.
        let memory: Int
    }

    /// Why the file is not accepted.
    package struct Fault: Error, CustomStringConvertible {
        package let description: String
    }

    package static let name = "mcp-servers.json"
    private static let bytesMax = 1 << 20
    private static let countMax = 50
    private static let megabytes: ClosedRange<Int64> = 16...4_096

    /// By their names.
    let entries: [String: Entry]

    /// Without servers.
    package static let none = MCPServerFile(entries: [:])

    private init(entries: [String: Entry]) { self.entries = entries }

    package var isEmpty: Bool { entries.isEmpty }

    /// - Parameter folder: without the file it declares none.
    package init(folder: String) throws(Fault) {
        let path = URL(filePath: folder).appending(path: Self.name).path
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw Fault(description: "'\(folder)' is no folder")
        }
        guard FileManager.default.fileExists(atPath: path) else {
            self = .none
            return
        }
        guard let data = FileManager.default.contents(atPath: path), data.count <= Self.bytesMax else {
            throw Fault(description: "\(Self.name) cannot be read, or has more than \(Self.bytesMax) bytes")
        }
        try self.init(parsing: Array(data))
    }

    init(parsing bytes: [UInt8]) throws(Fault) {
        let json: JSONValue
        do { json = try JSONValue(parsing: bytes) } catch {
            throw Fault(description: "\(Self.name) is not JSON: \(error)")
        }
        guard let servers = json["mcpServers"]?.object, servers.count <= Self.countMax else {
            throw Fault(description: "\(Self.name) has an object mcpServers of at most \(Self.countMax) servers")
        }
        var entries: [String: Entry] = [:]
        for (name, server) in servers.sorted(by: { $0.key < $1.key }) where server["enabled"]?.bool != false {
            entries[name] = try Self.entry(name, server)
        }
        self.entries = entries
    }

    private static let members: Set = ["command", "args", "env", "enabled", "priority", "approval", "memory_mb"]

    private static func entry(_ name: String, _ json: JSONValue) throws(Fault) -> Entry {
        func fault(_ text: String) -> Fault { Fault(description: "the server '\(name)' of \(Self.name) \(text)") }
        guard MCPServer.isName(name) else {
            throw fault("has a name of other characters than letters, digits, - and _")
        }
        if let unknown = json.object?.keys.sorted().first(where: { !members.contains($0) }) {
            throw fault("has the unknown member '\(unknown)'")
        }
        let texts = json["args"]?.array ?? []
        let arguments = texts.compactMap(\.string)
        let variables = json["env"]?.object ?? [:]
        let environment = variables.compactMapValues(\.string)
        guard let command = json["command"]?.string, !command.isEmpty, !command.contains("="),
            arguments.count == texts.count, environment.count == variables.count,
            !([command] + arguments + environment.map { $0.key + $0.value }).contains(where: \.hasNUL),
            environment.keys.allSatisfy({ !$0.isEmpty && !$0.contains("=") })
        else { throw fault("has no command, or args and env that are not texts") }
        let approval = json["approval"].map { $0.string.flatMap(MCPServer.Approval.init) } ?? .dangerous
        guard let approval else { throw fault("has an approval that is not always, dangerous or never") }
        let priority = json["priority"].map(\.integer) ?? 0
        guard let priority, MCPServer.priorities.contains(priority) else {
            throw fault("has a priority that is no whole number from -1000 to 1000")
        }
        let megabytes = json["memory_mb"].map(\.integer) ?? 256
        guard let megabytes, Self.megabytes.contains(megabytes) else {
            throw fault("has a memory_mb that is no whole number from 16 to 4096")
        }
        return Entry(
            name: name, arguments: [command] + arguments, environment: environment, priority: priority,
            approval: approval, memory: Int(megabytes) << 20)
    }
}

extension MCPServerFile.Entry {
    /// One process lives for an hour at most; the next call starts another one.
    private static let wallTime = Duration.hours(1)
    private static let processorTime = Duration.minutes(10)

    func command(in folder: String) -> SandboxedCommand {
        var limits = CommandLimits()
        limits.wallTime = Self.wallTime
        limits.processorTime = Self.processorTime
        limits.memory = memory
        limits.output = 64 << 10
        limits.folderSize = 64 << 20
        return SandboxedCommand(arguments, environment: environment, folder: folder, limits: limits)
    }
}
