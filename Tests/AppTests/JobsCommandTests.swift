import App
import Base
import Foundation
import Modules
import TestKit
import Testing

/// The command `gatehouse jobs`, run as a process beside the installation.
@Suite struct JobsCommandTests {
    /// The command reads the clock of the machine.
    @Test(arguments: Engine.available)
    func `dead jobs are listed, and retried once`(engine: Engine) async throws {
        try await withTestApp(engine, clock: TestClock(Runtime.system.now())) { app in
            let none = try await AuditCommandTests.run(["jobs", "dead"], on: app)
            #expect(none.status == 0 && none.output == "No job is dead.\n", "\(none)")
            let person = try await app.register(isVerified: false)
            let id = try await Self.kill("mail.deliver", on: app)
            #expect(try await app.mail(to: person.email).isEmpty)

            let list = try await AuditCommandTests.run(["jobs", "dead", "--kind", "mail.deliver"], on: app)
            #expect(list.status == 0 && list.output.contains(id) && list.output.contains("no mail server"), "\(list)")
            let other = try await AuditCommandTests.run(["jobs", "dead", "--kind", "other"], on: app)
            #expect(other.output == "No job is dead.\n", "\(other)")
            let retried = try await AuditCommandTests.run(["jobs", "retry", id], on: app)
            #expect(retried.status == 0 && retried.output.hasPrefix("\(id) is enqueued again as "), "\(retried)")
            let again = try await AuditCommandTests.run(["jobs", "retry", id], on: app)
            #expect(again.output == retried.output, "\(again)")
            #expect(try await AuditCommandTests.run(["jobs", "dead"], on: app).output == "No job is dead.\n")
            app.clock.advance(by: .minutes(1))
            #expect(try await app.mail(to: person.email).count == 1)
            let events = try await app.app.database.read { transaction in
                try transaction.all("SELECT subject FROM audit_events WHERE action = 'job.redriven'") {
                    try $0["subject"] as String
                }
            }
            #expect(events == [id])
            let audit = try await AuditCommandTests.run(["audit", "verify"], on: app)
            #expect(audit.status == 0, "\(audit)")
        }
    }

    @Test func `all dead jobs are retried together, and none where one is unknown`() async throws {
        try await withTestApp(.sqlite, clock: TestClock(Runtime.system.now())) { app in
            let person = try await app.register(isVerified: false)
            let id = try await Self.kill("mail.deliver", on: app)
            let unknown = try await AuditCommandTests.run(["jobs", "retry", id, person.id.text], on: app)
            #expect(unknown.status == 1 && unknown.errors.contains("nothing was enqueued"), "\(unknown)")
            for arguments in [
                [], ["not-an-id"], ["--all", id], ["--kind", "mail.deliver"], ["--all", "--limit", "0"],
            ] {
                let wrong = try await AuditCommandTests.run(["jobs", "retry"] + arguments, on: app)
                #expect(wrong.status == 64, "\(arguments): \(wrong)")
            }
            let dead = try await AuditCommandTests.run(["jobs", "dead"], on: app)
            #expect(dead.output.contains(id), "\(dead)")
            let all = try await AuditCommandTests.run(["jobs", "retry", "--all"], on: app)
            #expect(all.status == 0 && all.output.hasPrefix("\(id) is enqueued again as "), "\(all)")
            app.clock.advance(by: .minutes(1))
            #expect(try await app.mail(to: person.email).count == 1)
        }
    }

    /// Ends the waiting jobs of a kind as their last attempt does.
    /// - Returns: the id of one of them.
    private static func kill(_ kind: String, on app: TestApp) async throws -> String {
        try await app.app.database.write { transaction in
            let ids = try transaction.all(
                """
                UPDATE jobs SET state = 'dead', attempt = maximum_attempts, last_error = 'no mail server',
                    last_error_at = \(transaction.now), finished_at = \(transaction.now)
                WHERE kind = \(kind) AND state = 'available' RETURNING id
                """
            ) { try $0["id"] as String }
            return try #require(ids.first)
        }
    }
}
