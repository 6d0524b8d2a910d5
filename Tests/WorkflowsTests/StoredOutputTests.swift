import App
import Base
import Modules
import TestKit
import Testing

@testable import Workflows

/// The bytes of outputs that a submission stores.
@Suite struct StoredOutputTests {
    @Test(arguments: Engine.available)
    func `the response to a request is stored with its step alone`(engine: Engine) async throws {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
        try await ScriptedServer.with(.bytes(head + "bad"), .bytes(head + "bad"), .bytes(head + "yes")) { server in
            try await withWorkflows(engine, change: { $0.outboundPrivateNetworks = ["127.0.0.1"] }) { workflows in
                let path = try await workflows.run([
                    Node.make(
                        "post", "http_request", "web",
                        ["url": .string(server.url), "method": "POST", "body": "data"],
                        criteria: [["kind": "contains", "value": "yes"]])
                ])
                for sent in 1...3 {
                    #expect(try await workflows.count("workflow_effects WHERE state = 'done'") == Int64(sent))
                    #expect(try await workflows.count("workflow_effects WHERE output <> ''") == 0)
                    if sent < 3 { #expect(await workflows.post("\(path)/resume").status == 200) }
                    try await workflows.app.runJobs()
                }
                #expect(await workflows.get(path)["status"] == "completed")
                #expect(await workflows.output("post", of: path) == "yes")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `the outputs of a submission have a bound, and those within it count`(engine: Engine) async throws {
        try await withWorkflows(engine, change: { $0.accessTokenLifetime = .days(1) }) { workflows in
            let accepted = await workflows.submit(
                nodes: [
                    Node.read("read", "a.txt"),
                    Node.make(
                        "inner", "sub_workflow", "scheduling", ["intent": "read a.txt"], after: ["read"]),
                ], ["context": ["files": ["a.txt": "1234"]]])
            let path = try #require(accepted.headers["location"])
            func setRoom(_ bytes: Int64) async throws {
                let stored = Workflow.outputBytesMax - bytes
                _ = try await workflows.database.write {
                    try $0.execute("UPDATE workflows SET output_bytes = \(stored) WHERE depth = 0")
                }
            }
            for (room, status) in [(Int64(3), "failed"), (11, "succeeded")] {
                try await setRoom(room)
                if room > 3 { #expect(await workflows.post("\(path)/resume").status == 200) }
                try await workflows.app.runJobs()
                #expect(await workflows.step("read", of: path)?["status"] == .string(status))
            }
            // The output of the step within, and not of the one that waits for it: four bytes each.
            let inner = await workflows.step("inner", of: path)
            #expect(inner?["failure"] == "resource_exhaustion", "\(String(describing: inner))")
            let full = Workflow.outputBytesMax - 3
            #expect(try await workflows.count("workflows WHERE depth = 0 AND output_bytes = \(full)") == 1)
        }
    }
}
