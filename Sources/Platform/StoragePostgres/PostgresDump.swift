import CPostgres
import Foundation

/// Copies of a schema by PostgreSQL's own programs, `pg_dump` and `pg_restore`, which must be installed.
///
/// They get the connection's parameters through the environment, because other users of the machine can read the
/// arguments of a process. Blocks the calling thread.
package struct PostgresDump: Sendable {
    private let environment: [String: String]

    /// - Parameter url: a connection string of libpq.
    /// - Throws: ``InvalidDatabaseURL``.
    package init(url: String) throws {
        guard let options = PQconninfoParse(url, nil) else { throw InvalidDatabaseURL() }
        defer { PQconninfoFree(options) }
        var environment = ProcessInfo.processInfo.environment
        var option = options
        while option.pointee.keyword != nil {
            // Parameters without a variable are those of keepalives and the like, which the programs do without.
            if let value = option.pointee.val, let name = option.pointee.envvar {
                environment[String(cString: name)] = String(cString: value)
            }
            option += 1
        }
        self.environment = environment
    }

    /// Writes a schema as of one moment, the start of `pg_dump`, into a new file in the custom format.
    package func write(_ schema: String, to path: String) throws {
        // Quotation marks exclude a pattern.
        try run(
            "pg_dump",
            ["--format=custom", "--no-owner", "--no-privileges", "--schema=\"\(schema)\"", "--file=\(path)"])
    }

    /// Creates the tables of a dump, in the schema of the same name, which must exist, in one transaction.
    package func restore(from path: String) throws {
        let list = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).list").path
        defer { unlink(list) }
        // The schema itself is left out: creating one that exists would be an error.
        let entries = try run("pg_restore", ["--list", path]).split(separator: "\n").filter { line in
            line.wholeMatch(of: /\d+; \d+ \d+ (SCHEMA|COMMENT - SCHEMA|ACL - SCHEMA) .*/) == nil
        }
        try Data((entries.joined(separator: "\n") + "\n").utf8).write(to: URL(filePath: list))
        try run(
            "pg_restore",
            [
                "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--use-list=\(list)",
                "--dbname=\(environment["PGDATABASE"] ?? "")", path,
            ])
    }

    /// - Returns: the standard output.
    @discardableResult
    private func run(_ name: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: try Self.path(of: name))
        process.arguments = arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        let (output, errors) = (Pipe(), FileManager.default.temporaryDirectory.appending(path: UUID().uuidString))
        // Two pipes that are read one after the other could both be full.
        _ = FileManager.default.createFile(
            atPath: errors.path, contents: nil, attributes: [.posixPermissions: 0o600])
        defer { try? FileManager.default.removeItem(at: errors) }
        process.standardOutput = output
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            let reason = try String(contentsOf: errors, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
            throw PostgresToolFailure("\(name) failed: \(reason.isEmpty ? "it gives no reason" : reason)")
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The path of one of PostgreSQL's client programs.
    ///
    /// Debian installs each version in a folder of its own, with a program on the PATH that selects one by the
    /// clusters of the machine: the newest, which reads from every older server, is better.
    /// - Throws: ``PostgresToolFailure`` where it is not installed.
    package static func path(of name: String) throws -> String {
        let debian = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: debian)) ?? [])
            .sorted { $0.compare($1, options: .numeric) == .orderedDescending }
        let folders =
            versions.map { "\(debian)/\($0)/bin" }
            + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":").map(String.init)
        guard let folder = folders.first(where: { access("\($0)/\(name)", X_OK) == 0 }) else {
            throw PostgresToolFailure("There is no \(name): install PostgreSQL's client programs (postgresql-client).")
        }
        return "\(folder)/\(name)"
    }
}

/// Why a program of PostgreSQL did not do its work, in a sentence for the operator.
package struct PostgresToolFailure: Error, CustomStringConvertible {
    package let description: String

    init(_ sentence: String) { description = sentence }
}
