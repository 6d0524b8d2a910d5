import App
import Base
import Foundation
import Modules
import Secrets
import TestKit
import Testing

@testable import Audit

/// The audit trail in a database.
@Suite struct AuditTests {
    @Test(arguments: Engine.available)
    func `a trail with concurrent writers passes verification`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let before = try await app.app.audit.verification.verify().rows
            try await withThrowingTaskGroup { tasks in
                for writer in 0..<8 {
                    tasks.addTask {
                        for number in 0..<10 {
                            try await app.record(
                                AuditEvent("test.written", actor: "writer-\(writer)", subject: "\(number)"))
                        }
                    }
                }
                try await tasks.waitForAll()
            }
            let report = try await app.app.audit.verification.verify()
            #expect(report.findings.map(\.description) == [])
            #expect(report.rows == before + 80)
            if engine == .sqlite {
                #expect(try await app.count("SELECT COUNT(*) AS count FROM audit_shards WHERE written > 0") == 1)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an event exists if its transaction commits, and a rollback leaves no gap`(engine: Engine) async throws {
        struct Refusal: Error {}
        try await withTestApp(engine) { app in
            try await app.record(AuditEvent("test.first"))
            await #expect(throws: Problem.self) {
                try await app.app.database.write { [audit = app.app.audit.service] transaction in
                    try audit.record(AuditEvent("test.second"), in: transaction)
                    throw Refusal()
                }
            }
            try await app.app.database.write { [audit = app.app.audit.service] transaction in
                for number in 0..<3 {
                    try audit.record(AuditEvent("test.third", subject: "\(number)"), in: transaction)
                }
            }
            #expect(try await app.app.audit.verification.verify().isSound)
            #expect(try await app.count("SELECT COUNT(*) AS count FROM audit_events WHERE action LIKE 'test.%'") == 4)
            #expect(try await app.count("SELECT COUNT(*) AS count FROM audit_events WHERE action = 'test.second'") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `every minute with new rows is signed and logged, and the logged checkpoint verifies the database`(
        engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            try await app.runJobs()
            try await app.record(AuditEvent("test.written"))
            app.clock.advance(by: .minutes(1))
            try await app.runJobs()
            let first = try app.loggedCheckpoints()
            let rows = try await app.count("SELECT COUNT(*) AS count FROM audit_events")
            #expect(first.map(\.number) == [1] && first.first?.count == rows)
            app.clock.advance(by: .minutes(1))
            try await app.runJobs()
            #expect(try app.loggedCheckpoints().count == 1, "no row was written")
            try await app.record(AuditEvent("test.written"))
            app.clock.advance(by: .minutes(5))
            try await app.runJobs()
            let logged = try app.loggedCheckpoints()
            #expect(logged.map(\.number) == [1, 2] && logged.last?.previous == logged.first?.digest)
            let report = try await app.app.audit.verification.verify(externalCheckpoints: logged)
            #expect(report.isSound && report.newest == logged.last && report.checkpoints == 2)
            #expect(try await app.app.audit.verification.verify(from: 1, externalCheckpoints: logged).isSound)
            #expect(try await app.app.audit.checkpoints.publicKeys().map(\.id.text) == [logged.last?.key])
        }
    }

    @Test(arguments: Engine.available)
    func `every change to the tables is detected`(engine: Engine) async throws {
        let changes: [(finding: String, statement: SQL)] = [
            ("edited", "UPDATE audit_events SET outcome = 'failure' WHERE action = 'test.0'"),
            ("edited", "UPDATE audit_events SET actor_id = 'person-2' WHERE action = 'test.3'"),
            ("edited", "UPDATE audit_events SET details = '{}' WHERE action = 'test.4'"),
            ("edited", "UPDATE audit_events SET at = at + 1 WHERE action = 'test.5'"),
            ("edited", "UPDATE audit_events SET salt = 'ffffffffffffffffffffffffffffffff' WHERE action = 'test.6'"),
            ("seal", "UPDATE audit_events SET seal = hash WHERE action = 'test.6'"),
            ("missing", "DELETE FROM audit_events WHERE action = 'test.2'"),
            ("missing", "DELETE FROM audit_events WHERE action = 'test.9'"),
            ("missing", "DELETE FROM audit_events"),
            ("end of its shard", "UPDATE audit_shards SET written = written - 1 WHERE written > 0"),
            ("missing", "UPDATE audit_shards SET written = written + 1 WHERE shard = 9"),
            ("missing", "DELETE FROM audit_shards WHERE shard = 63"),
            ("signed", "UPDATE audit_checkpoints SET count = count + 1"),
            ("signed", "UPDATE audit_checkpoints SET at = at + 1"),
            ("signed", "DELETE FROM audit_keys"),
            ("signed", "UPDATE audit_checkpoints SET heads = heads || ' '"),
            ("missing", "DELETE FROM audit_checkpoints"),
            ("inserted", "UPDATE audit_state SET checkpoints = 0"),
            ("erased", "UPDATE audit_events SET salt = '', erasure = '{}' WHERE action = 'test.7'"),
        ]
        try await withTestApp(engine) { app in
            for number in 0..<10 {
                try await app.record(AuditEvent("test.\(number)", actor: "person-1", details: ["number": "\(number)"]))
            }
            try await app.app.audit.checkpoints.sign()
            for (finding, statement) in changes {
                let report = try await app.reportAfter(statement)
                #expect(
                    report.findings.first?.description.contains(finding) == true, "\(statement): \(report.findings)")
            }
            #expect(try await app.app.audit.verification.verify().isSound, "every change was undone")
            // The last rows are deleted and the count is changed to match: only the checkpoint reveals it.
            let last = try await app.app.audit.verification.verify().rows
            let truncated = try await app.reportAfter(
                "DELETE FROM audit_events WHERE sequence > 5", "UPDATE audit_shards SET written = 5 WHERE shard = 0")
            #expect(
                truncated.findings.map(\.description) == [
                    "Row 0:\(last) is missing, though checkpoint 1 was signed over it."
                ]
            )
        }
    }

    @Test(arguments: Engine.available)
    func `an erasure keeps the chain valid, and an edit disguised as an erasure is detected`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let audit = app.app.audit
            for number in 0..<3 {
                try await app.record(
                    AuditEvent(
                        "session.created", actor: "the-canary", subject: "s-\(number)", address: "198.51.100.7",
                        requestID: "r-\(number)", details: ["a": "b"]))
            }
            try await app.record(
                AuditEvent(
                    "account.changed", actor: "admin", target: "the-canary", address: "203.0.113.9",
                    details: ["name": "The Canary"]))
            try await app.record(AuditEvent("session.created", actor: "person-1", address: "203.0.113.10"))
            try await audit.checkpoints.sign()
            let count = try await app.app.database.write {
                try audit.erasure.erase(person: "the-canary", pseudonym: "erased-7", in: $0)
            }
            #expect(count == 4)
            #expect(
                try await app.app.database.write {
                    try audit.erasure.erase(person: "the-canary", pseudonym: "erased-7", in: $0)
                } == 0)
            let rows = try await app.app.database.read { try $0.auditRows(after: nil, atMost: 100) }
            let text = "\(rows)"
            for canary in ["the-canary", "198.51.100.7", "The Canary", "r-1"] {
                #expect(!text.contains(canary), "\(canary)")
            }
            #expect(
                text.contains("203.0.113.9") && text.contains("203.0.113.10"), "rows of other persons do not change")
            #expect(rows.count { $0.personal[.actor] == "erased-7" } == 3)
            let report = try await audit.verification.verify()
            #expect(report.findings.map(\.description) == [] && report.erased == 4)
            // An edit that names the recorded erasure.
            let row = try #require(rows.first { $0.personal[.actor] == "person-1" })
            let erasure = try #require(rows.last)
            var forged = row
            _ = try forged.erase([.actor: .some("erased-7"), .details: .some("{}")], by: erasure.id)
            let found = try await app.reportAfter(
                """
                UPDATE audit_events SET actor_id = 'erased-7', details = '{}', salt = '', erasure = \(forged.erasure)
                WHERE id = \(row.id)
                """
            )
            #expect(found.findings.first?.description.contains("erasure of other rows") == true, "\(found.findings)")
        }
    }

    @Test(arguments: Engine.available)
    func `a changed setting is recorded by name, without its value`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let audit = app.app.audit
            try await audit.configuration.recordChanges(["PORT": "8080", "SMTP_PASSWORD": "the old secret"])
            try await audit.configuration.recordChanges(["PORT": "8080", "SMTP_PASSWORD": "the old secret"])
            try await audit.configuration.recordChanges(["SMTP_PASSWORD": "the new secret", "CORS_ORIGINS": "*"])
            let rows = try await audit.search.search(AuditSearch(action: "configuration.changed", limit: 10)).rows
            #expect(rows.map(\.event.details["names"]) == ["CORS_ORIGINS, PORT, SMTP_PASSWORD", "PORT, SMTP_PASSWORD"])
            let stored = try await app.app.database.read {
                "\(try $0.all("SELECT * FROM configuration_settings").map(\.values))"
            }
            #expect(!stored.contains("secret"))
        }
    }
}

extension TestApp {
    func record(_ event: AuditEvent) async throws {
        try await app.database.write { [audit = app.audit.service] in try audit.record(event, in: $0) }
    }

    func count(_ sql: SQL) async throws -> Int64 { try await app.database.read { try $0.count(sql) } }

    /// The report of a verification after `statements`. The tables are restored afterwards.
    func reportAfter(_ statements: SQL...) async throws -> AuditReport {
        let before = try await app.database.read { try AuditTables(of: $0) }
        try await app.database.write { transaction in
            for statement in statements { try transaction.execute(statement) }
        }
        let report = try await app.audit.verification.verify()
        try await app.database.write { try before.restore(in: $0) }
        return report
    }

    /// The checkpoints in the log, oldest first.
    func loggedCheckpoints() throws -> [AuditCheckpoint] {
        try log.lines.compactMap { line in
            guard let json = try JSONDecoder().decode(JSONValue.self, from: Data(line.utf8))["checkpoint"]?.string
            else { return nil }
            return try AuditCheckpoint(json: json)
        }
    }
}

/// A copy of the rows of the audit tables.
private struct AuditTables {
    private static let names = ["audit_events", "audit_shards", "audit_checkpoints", "audit_state", "audit_keys"]
    private let rows: [(table: String, row: Row)]

    init(of transaction: Transaction) throws {
        rows = try Self.names.flatMap { name in
            try transaction.all(SQL(trusted: "SELECT * FROM \(name)")).map { (table: name, row: $0) }
        }
    }

    func restore(in transaction: Transaction) throws {
        for name in Self.names { try transaction.execute(SQL(trusted: "DELETE FROM \(name)")) }
        for (table, row) in rows {
            var values: SQL = "\(row.values[0])"
            for value in row.values.dropFirst() { values = "\(values), \(value)" }
            try transaction.execute(
                SQL(trusted: "INSERT INTO \(table) (\(row.columns.names.joined(separator: ", "))) VALUES (") + values
                    + ")")
        }
    }
}
