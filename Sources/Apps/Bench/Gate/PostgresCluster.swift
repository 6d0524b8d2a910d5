import Foundation
import Modules
import StoragePostgres

/// A private PostgreSQL server with the settings of a new installation. Its files are in the system's folder of
/// temporary files, because a server that root starts runs as another user.
struct PostgresCluster: Sendable {
    let process: Child
    private let url: String
    private let folder: URL

    /// Of the user `nobody`: PostgreSQL refuses to run as root.
    private static let nobody: UInt32 = 65_534

    /// - Parameter port: a free one.
    /// - Returns: nil where PostgreSQL is not installed.
    static func start(port: Int, on affinity: Child.Affinity) throws -> PostgresCluster? {
        guard let programs = programs() else { return nil }
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "gatehouse-bench-\(UUID().uuidString.lowercased())", directoryHint: .isDirectory)
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        do {
            guard getuid() != 0 || chown(folder.path, nobody, nobody) == 0 else {
                throw CocoaError(.fileWriteNoPermission)
            }
            let data = folder.appending(path: "data").path
            let (initdb, create) = command(
                "\(programs)/initdb",
                ["-D", data, "-U", "gatehouse", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
            _ = try Child.output(of: initdb, create, in: folder)
            let (postgres, serve) = command(
                "\(programs)/postgres",
                ["-D", data, "-p", "\(port)", "-c", "listen_addresses=127.0.0.1", "-k", folder.path])
            let process = try Child(postgres, serve, in: folder, on: affinity, error: FileHandle.nullDevice)
            return PostgresCluster(
                process: process, url: "postgresql://gatehouse@127.0.0.1:\(port)/", folder: folder)
        } catch {
            try? FileManager.default.removeItem(at: folder)
            throw error
        }
    }

    /// - Returns: the value of `DATABASE_URL`.
    func createDatabase(_ name: String) async throws -> String {
        try await PostgresServer.createDatabase(name, at: url + "postgres")
        return url + name
    }

    func stop() {
        process.interrupt()
        try? FileManager.default.removeItem(at: folder)
    }

    /// The folder of the newest installed server; Debian keeps one for each version off the PATH.
    private static func programs() -> String? {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let debian = versions.compactMap { Int($0) }.sorted(by: >).map { "\(root)/\($0)/bin" }
        let path = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return (debian + path).first { FileManager.default.isExecutableFile(atPath: "\($0)/initdb") }
    }

    private static func command(_ program: String, _ arguments: [String]) -> (program: String, arguments: [String]) {
        guard getuid() == 0 else { return (program, arguments) }
        return (
            "/usr/bin/setpriv",
            ["--reuid", "\(nobody)", "--regid", "\(nobody)", "--clear-groups", "--", program] + arguments
        )
    }
}
