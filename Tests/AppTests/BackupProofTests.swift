import App
import Base
import Client
import Foundation
import Identity
import Modules
import TestKit
import Testing

/// Backups of a server under load, which are killed, and after which the server is killed.
@Suite struct BackupProofTests {
    private static let rounds = Int(ProcessInfo.processInfo.environment["GATEHOUSE_BACKUPS"] ?? "") ?? 2

    /// An acknowledged change.
    private enum Change: Sendable {
        case reserved(operation: String)
        /// A file that no client deletes.
        case uploaded(id: String, content: String)
        case other
    }

    private struct Acknowledgement: Sendable {
        let change: Change
        let time: Instant
    }

    private struct Callers: Sendable {
        let product: [String: String]
        let person: [String: String]
    }

    @Test(arguments: Engine.available)
    func `whatever is killed, a backup holds all that was acknowledged before its moment, and verifies`(
        _ engine: Engine
    ) async throws {
        try await withDatabasePlace(engine) { place in
            let folder = FileManager.default.temporaryDirectory.appending(
                path: "gatehouse-backups-\(Hex.encode(Runtime.system.randomBytes(6)))")
            defer { try? FileManager.default.removeItem(at: folder) }
            let data = folder.appending(path: "data")
            let installation = KilledInstallation(data: data, place: place)
            let test = try await installation.open()
            let callers = try await Self.callers(of: test)
            await test.app.close()
            var acknowledged: [Acknowledgement] = []
            for round in 1...Self.rounds {
                let backup = Backup(folder: folder, data: data.path(), database: place.configurationURL)
                acknowledged += try await Self.load(installation, by: callers, round: round, during: backup)
                try await Self.checkRestored(backup, acknowledged, engine: engine, round: round)
            }
        }
    }

    /// The commands of a round, and where they read and write.
    private struct Backup: Sendable {
        let folder: URL
        let data: String
        let database: String
        var target: String { folder.appending(path: "backups").path() }

        func command(_ arguments: [String], data: String? = nil, database: String? = nil) throws -> CommandProcess {
            try CommandProcess(
                arguments, in: folder,
                environment: [
                    "DATABASE_URL": database ?? self.database, "DATA_DIR": data ?? self.data, "ENVIRONMENT": "test",
                    "BCRYPT_ROUNDS": "4", "PATH": "/usr/bin:/bin",
                ])
        }
    }

    private static func callers(of app: TestApp) async throws -> Callers {
        let person = try await app.subscriber("enterprise")
        let key = try await app.serviceKey()
        return Callers(
            product: key.headers(in: person.organisation), person: ["Authorization": "Bearer \(person.token)"])
    }

    /// Sends changes without a pause, kills a backup after some of them, runs another one to its end, and kills the
    /// server after some more.
    private static func load(
        _ installation: KilledInstallation, by callers: Callers, round: Int, during backup: Backup
    ) async throws -> [Acknowledgement] {
        let server = try await installation.start()
        let changes = installation.changes(to: server, named: "\(round)") {
            (name, number, connection, acknowledged: AsyncStream<Acknowledgement>.Continuation) in
            try await change(name, number, on: connection, by: callers) {
                acknowledged.yield(Acknowledgement(change: $0, time: Runtime.system.now()))
            }
        }
        var iterator = changes.makeAsyncIterator()
        var acknowledged: [Acknowledgement] = []
        func receive(_ count: Int) async {
            for _ in 0..<count { if let next = await iterator.next() { acknowledged.append(next) } }
        }
        await receive(40)
        let killed = try backup.command(["backup", backup.target])
        await receive(.random(in: 1...120))
        killed.kill()
        let complete = try backup.command(["backup", backup.target])
        #expect(await complete.exitStatus() == 0, "round \(round): \(complete.output)")
        await receive(20)
        server.kill()
        while let next = await iterator.next() { acknowledged.append(next) }
        return acknowledged
    }

    /// - Returns: false where it was refused.
    private static func change(
        _ name: String, _ number: Int, on connection: Client, by callers: Callers, acknowledge: (Change) -> Void
    ) async throws -> Bool {
        guard number.isMultiple(of: 3) else {
            return try await KilledInstallation.reserve(name, number, on: connection, by: callers.product) {
                acknowledge(.reserved(operation: name))
            }
        }
        let content = name + String(repeating: ".", count: 20_000)
        let file = Multipart(.init("file", .bytes(Array(content.utf8)), fileName: "a", mediaType: "text/plain"))
        let uploaded = try await connection.request(
            .post, "/v1/integrations/upload-file", headers: callers.person, body: .multipart(file))
        guard uploaded.status == 200, let id = uploaded.json?["file_id"]?.string else {
            Issue.record("\(uploaded.status) \(uploaded.text)")
            return false
        }
        guard number.isMultiple(of: 2) else {
            acknowledge(.uploaded(id: id, content: content))
            return true
        }
        let deleted = try await connection.delete("/v1/marketplace/files/\(id)", headers: callers.person)
        if deleted.status == 200 { acknowledge(.other) }
        return true
    }

    /// Restores the newest backup into an installation of its own, which the command verifies, and looks for what was
    /// acknowledged before its moment.
    private static func checkRestored(
        _ backup: Backup, _ acknowledged: [Acknowledgement], engine: Engine, round: Int
    ) async throws {
        let (folder, names) = try BackupFolder.locate(backup.target)
        let moment = try folder.manifest(of: try #require(names.last)).moment
        let verified = try backup.command(["backup", "--verify", backup.target])
        #expect(await verified.exitStatus() == 0, "round \(round): \(verified.output)")
        let data = backup.folder.appending(path: "restored-\(round)")
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: data) }
        try FileManager.default.copyItem(
            atPath: "\(backup.data)/secret.key", toPath: data.appending(path: "secret.key").path())
        try await withDatabasePlace(engine) { place in
            let restored = try backup.command(
                ["restore", backup.target], data: data.path(), database: place.configurationURL)
            #expect(await restored.exitStatus() == 0, "round \(round): \(restored.output)")
            let database = try place.open()
            let (found, files) = try await database.read { transaction in
                (
                    try KilledInstallation.reservedOperations(in: transaction),
                    try transaction.all("SELECT id FROM marketplace_files") { try $0["id"] as String }
                )
            }
            await database.close()
            let store = data.appending(path: "files/marketplace")
            // No row names a file that is missing, also of those that were deleted during the backup.
            for id in files {
                let bytes = try? Data(contentsOf: store.appending(path: id))
                #expect((bytes?.count ?? 0) > 20_000, "round \(round): \(id)")
            }
            for acknowledgement in acknowledged where acknowledgement.time < moment {
                switch acknowledgement.change {
                case .reserved(let operation): #expect(found.contains(operation), "round \(round)")
                case .uploaded(let id, let content):
                    #expect(files.contains(id), "round \(round)")
                    let bytes = try? Data(contentsOf: store.appending(path: id))
                    #expect(bytes.map(Array.init) == Array(content.utf8), "round \(round): \(id)")
                case .other: break
                }
            }
            #expect(acknowledged.contains { $0.time < moment })
        }
    }
}
