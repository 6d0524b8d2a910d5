import App
import Audit
import Base
import Foundation
import Modules
import TestKit
import Testing

/// The signed export of a workflow's trail, verified without the database.
@Suite struct AuditExportTests {
    private typealias Refusal = AuditHistoryVerifier.Refusal

    /// The path of a workflow with a step that has failed, and its export.
    private func exported(_ workflows: WorkflowsFixture) async throws -> (path: String, text: String) {
        let path = try await workflows.run([Node.write("a", "a.txt", "1"), Node.read("b", "none.txt", after: ["a"])])
        let response = await workflows.get("\(path)/audit/export")
        guard response.status == 200 else { throw UnexpectedResponse(response) }
        #expect(response.headers["content-type"] == "application/x-ndjson")
        return (path, response.text)
    }

    @Test(arguments: Engine.available)
    func `the export has every entry of the workflow and verifies without the database`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let (path, text) = try await exported(workflows)
            // Rows of other objects are between those of the workflow, and are not in its export.
            _ = try await workflows.run([Node.write("a", "a.txt", "1")])
            let report = try AuditHistoryVerifier().verify(text)
            let entries = await workflows.get("\(path)/audit")
            #expect(report.rows == 17 && entries["total_entries"] == .integer(Int64(report.rows)), "\(entries)")
            #expect(path.hasSuffix(report.subject) && report.organisation == workflows.person.organisation)
            let keys = try await workflows.app.app.audit.checkpoints.publicKeys()
            #expect(keys.map { Hex.encode($0.publicBytes) } == [report.publicKey])
            _ = try AuditHistoryVerifier(publicKey: report.publicKey).verify(text)
            #expect(throws: Refusal.self) {
                try AuditHistoryVerifier(publicKey: String(repeating: "0", count: 64)).verify(text)
            }
            // The address of the client is withheld, and the hash of its row holds.
            #expect(!text.contains("192.0.2.1") && text.contains(workflows.person.id.text))
            // Each line of the export is a row of the trail.
            let stored = try await workflows.count(
                "audit_events WHERE subject = \(report.subject) AND organisation_id = \(report.organisation)")
            #expect(stored == 17)

            let other = try await workflows.app.register("other")
            let refused = await workflows.get("\(path)/audit/export", as: other)
            #expect(refused.status == 403 && refused.code == "workflow-access-denied", "\(refused)")
        }
    }

    @Test(arguments: Engine.available)
    func `an export with a changed, removed, added or exchanged entry is refused`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let (_, text) = try await exported(workflows)
            let other = try await exported(workflows).text
            let lines = text.split(separator: "\n").map(String.init)
            let others = other.split(separator: "\n").map(String.init)
            func isRefused(_ changed: [String]) -> Bool {
                (try? AuditHistoryVerifier().verify(changed.joined(separator: "\n") + "\n")) == nil
            }
            #expect(!isRefused(lines) && !isRefused(others))
            for index in lines.indices {
                var removed = lines
                removed.remove(at: index)
                #expect(isRefused(removed), "removed \(index)")
                var repeated = lines
                repeated.insert(lines[index], at: index)
                #expect(isRefused(repeated), "repeated \(index)")
                var added = lines
                added.insert(others[min(index, others.count - 1)], at: index)
                #expect(isRefused(added), "added \(index)")
                var extended = lines
                extended[index] = String(lines[index].dropLast(2)) + ",\"note\":1}}"
                #expect(isRefused(extended), "extended \(index)")
                guard index + 1 < lines.count else { continue }
                var exchanged = lines
                exchanged.swapAt(index, index + 1)
                #expect(isRefused(exchanged), "exchanged \(index)")
            }
            for changed in [
                text.replacingOccurrences(of: "workflow.step_failed", with: "workflow.step_completed"),
                text.replacingOccurrences(of: "\"count\":17", with: "\"count\":16"), String(text.dropLast()),
                text + "\n", text.replacingOccurrences(of: "\n", with: "\r\n"), "", "{}\n",
                others.dropLast().joined(separator: "\n") + "\n" + (lines.last ?? "") + "\n",
            ] {
                #expect(throws: Refusal.self) { try AuditHistoryVerifier().verify(changed) }
            }
            // Any byte.
            var random = SplitMix(seed: 5)
            for _ in 0..<300 {
                var bytes = Array(text.utf8)
                let index = Int.random(in: bytes.indices, using: &random)
                bytes[index] ^= UInt8(1 << Int.random(in: 0..<7, using: &random))
                let changed = String(decoding: bytes, as: UTF8.self)
                #expect((try? AuditHistoryVerifier().verify(changed)) == nil, "byte \(index)")
            }
            var edited = lines
            edited[3] = edited[3].replacingOccurrences(of: "\"success\"", with: "\"failure\"")
            let changed = edited.joined(separator: "\n") + "\n"
            let finding = #expect(throws: Refusal.self) { try AuditHistoryVerifier().verify(changed) }
            #expect(finding?.findings.first?.hasPrefix("Line 4: the row ") == true, "\(String(describing: finding))")
            #expect(finding?.findings.first?.hasSuffix("was edited.") == true, "\(String(describing: finding))")
        }
    }

    @Test(arguments: Engine.available)
    func `a row that was changed in the database is not signed`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let (path, _) = try await exported(workflows)
            try await workflows.database.write { transaction in
                try transaction.execute(
                    "UPDATE audit_events SET outcome = 'success' WHERE action = 'workflow.step_failed'")
            }
            let text = await workflows.get("\(path)/audit/export").text
            #expect(throws: Refusal.self) { try AuditHistoryVerifier().verify(text) }
        }
    }
}
