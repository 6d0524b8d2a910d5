import App
import Audit
import Base
import Foundation
import Modules
import TestKit
import Testing

/// The newest checkpoint of the audit trail, kept in the data folder.
@Suite struct AuditCheckpointFileTests {
    @Test(arguments: Engine.available)
    func `removing the newest checkpoint with its rows and counts is found by the data folder's copy`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let audit = app.app.audit
            let file = "\(app.app.configuration.dataFolder)/audit-checkpoint.json"
            _ = try await app.register("first")
            let first = try #require(try await audit.checkpoints.sign())
            #expect(try Self.kept(file) == first)
            #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
            _ = try await app.register("second")
            let second = try #require(try await audit.checkpoints.sign())
            #expect(try Self.kept(file) == second)
            let intact = try await AuditCommandTests.run(["audit", "verify"], on: app)
            #expect(intact.status == 0, "\(intact)")
            #expect(intact.output.contains("Checkpoint 2, kept in the data folder, agrees"), "\(intact)")

            try await Self.reset(app, to: first)
            #expect(try await audit.verification.verify().findings.map(\.description).last?.contains("reset") == true)
            let reset = try await AuditCommandTests.run(["audit", "verify"], on: app)
            #expect(reset.status == 1, "\(reset)")
            #expect(
                reset.errors.contains("The checkpoint of the data folder, number 2, is newer than the newest"),
                "\(reset)")

            // The next checkpoint does not replace the newer one.
            _ = try await app.register("third")
            let again = try #require(try await audit.checkpoints.sign())
            #expect(again.number == 2)
            #expect(try Self.kept(file) == second)
            #expect(app.log.lines.contains { $0.contains("The audit trail was reset") && $0.contains(file) })
            #expect(try await !audit.verification.verify().isSound)

            try FileManager.default.removeItem(atPath: file)
            #expect(try await audit.verification.verify().isSound)
            try "{}".write(toFile: file, atomically: true, encoding: .utf8)
            #expect(
                try await audit.verification.verify().findings.map(\.description) == [
                    "The checkpoint of the data folder cannot be read."
                ])
        }
    }

    private static func kept(_ file: String) throws -> AuditCheckpoint {
        try AuditCheckpoint(json: String(contentsOfFile: file, encoding: .utf8))
    }

    /// Removes everything after `checkpoint`, as a writer to the database can.
    private static func reset(_ app: TestApp, to checkpoint: AuditCheckpoint) async throws {
        try await app.app.database.write { transaction in
            try transaction.execute("DELETE FROM audit_checkpoints WHERE number > \(checkpoint.number)")
            try transaction.execute("UPDATE audit_state SET checkpoints = \(checkpoint.number)")
            let shards = try transaction.all("SELECT shard FROM audit_shards") { try $0["shard"] as Int64 }
            for shard in shards {
                let last = checkpoint.heads.first { $0.shard == shard }?.sequence ?? 0
                try transaction.execute("DELETE FROM audit_events WHERE shard = \(shard) AND sequence > \(last)")
                try transaction.execute("UPDATE audit_shards SET written = \(last) WHERE shard = \(shard)")
            }
        }
    }
}
