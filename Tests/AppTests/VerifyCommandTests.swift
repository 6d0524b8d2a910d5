import App
import Base
import Foundation
import Modules
import TestKit
import Testing

/// The command `gatehouse verify`, run as a process beside the installation.
@Suite struct VerifyCommandTests {
    @Test(arguments: Engine.available)
    func `verify confirms that the invariants hold, and otherwise names the rows that violate them`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register(isVerified: false)
            let token = try #require(try await app.mail(to: person.email).last?.token)
            #expect(await app.call("POST", "/v1/auth/verify-email", json: ["token": .string(token)]).status == 200)
            let sound = try await AuditCommandTests.run(["verify"], on: app)
            #expect(sound.status == 0 && sound.output.hasPrefix("Every invariant holds: "), "\(sound)")
            try await app.app.database.write {
                try $0.execute("UPDATE ledger_accounts SET balance = balance + 1 WHERE name = 'available'")
            }
            let broken = try await AuditCommandTests.run(["verify"], on: app)
            #expect(broken.status == 1 && broken.errors.contains("name available, balance 11, moved 10"), "\(broken)")
        }
    }

    @Test func `verify exits with 2 where there is no database, and creates none`() async throws {
        try await withTestApp(.sqlite) { app in
            let missing = try await AuditCommandTests.run(["verify", "--database", "sqlite:missing.db"], on: app)
            #expect(missing.status == 2 && missing.errors.contains("There is no database at missing.db"), "\(missing)")
            #expect(
                try await AuditCommandTests.run(["verify", "--database", "sqlite:missing.db"], on: app).status == 2)
        }
    }

    @Test func `verify does not open a database whose index was removed while a server has it open`() async throws {
        try await withTestApp(.sqlite) { app in
            let path = String(app.app.configuration.databaseURL.dropFirst("sqlite:".count))
            _ = try await app.register()
            try FileManager.default.removeItem(atPath: path + "-shm")
            let refused = try await AuditCommandTests.run(["verify"], on: app)
            #expect(refused.status == 1 && refused.errors.contains("is open in another process"), "\(refused)")
            #expect(!FileManager.default.fileExists(atPath: path + "-shm"))
            #expect(await app.call("GET", "/ready").status == 503)
        }
    }
}
