import App
import Base
import Modules
import TestKit
import Testing

/// The members of a context that have a meaning.
@Suite struct ContextTests {
    @Test(arguments: Engine.available)
    func `a context that cannot be used is refused with pointers, and takes nothing`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let many = Dictionary(uniqueKeysWithValues: (0...100).map { ("\($0).txt", JSONValue.string("x")) })
            let contexts: [(JSONValue, String)] = [
                (["time_zone": "Mars/Olympus"], "/context/time_zone"), (["time_zone": 1], "/context/time_zone"),
                (["files": ["a.csv"]], "/context/files"), (["files": .object(many)], "/context/files"),
                (["files": ["../a.csv": "x"]], "/context/files/..~1a.csv"),
                (["files": ["a.csv": 5]], "/context/files/a.csv"),
            ]
            for (context, pointer) in contexts {
                let refused = await workflows.submit("List the files", ["context": context])
                #expect(refused.status == 422 && refused.code == "validation-failed", "\(refused)")
                #expect(refused["errors"]?[0]?["pointer"] == .string(pointer), "\(refused)")
            }
            #expect(await workflows.levels() == [10, 0, 0])
            let stored = try await workflows.count("workflows")
            #expect(stored == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `files for which there is no space fail the workflow, with its credit released`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            // Another workflow of the organisation has almost a gibibyte.
            try await workflows.database.write { transaction in
                try transaction.execute(
                    """
                    INSERT INTO workflow_files (id, organisation_id, root_id, path, bytes, sha256, created_at)
                    VALUES ('f', \(workflows.person.organisation), 'w', 'a', \((1 << 30) - 1), 'x', \(transaction.now))
                    """)
            }
            let accepted = await workflows.submit("List the files", ["context": ["files": ["a.txt": "ab"]]])
            let path = try #require(accepted.headers["location"])
            try await workflows.app.runJobs()
            let failed = await workflows.get(path)
            #expect(failed["status"] == "failed" && failed["error_code"] == "plan-refused", "\(failed)")
            #expect(await workflows.levels() == [10, 0, 0])
            #expect(try await workflows.count("workflow_files") == 1)
        }
    }
}
