import App
import Base
import Modules
import TestKit
import Testing

/// Requests that change something elsewhere, after their services have answered.
@Suite struct EffectOutcomeTests {
    private static func response(_ status: String, _ body: String) -> ScriptedServer.Action {
        .bytes("HTTP/1.1 \(status)\r\nLocation: /other\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    private static func request(_ method: String, to server: ScriptedServer, criteria: [JSONValue] = []) -> JSONValue {
        Node.make(
            "send", "http_request", "web",
            ["url": .string(server.url), "method": .string(method), "body": "data"], criteria: criteria)
    }

    @Test(arguments: Engine.available)
    func `a request that a service has carried out is not sent again by itself`(engine: Engine) async throws {
        try await ScriptedServer.with(
            Self.response("200 OK", "no"), Self.response("303 See Other", "no"), Self.response("200 OK", "no"),
            Self.response("200 OK", "yes")
        ) { server in
            try await withWorkflows(engine, change: { $0.outboundPrivateNetworks = ["127.0.0.1"] }) { workflows in
                let criteria: [JSONValue] = [["kind": "contains", "value": "yes"]]
                var unmet = ""
                for (number, method) in ["POST", "POST", "PUT"].enumerated() {
                    let path = try await workflows.run([Self.request(method, to: server, criteria: criteria)])
                    if method == "PUT" { try await workflows.approve(path) } else if number == 0 { unmet = path }
                    #expect(server.requests.count == number + 1)
                    let workflow = await workflows.get(path)
                    #expect(workflow["pause_reason"] == "escalated", "\(workflow)")
                    let step = await workflows.step("send", of: path)
                    #expect(step?["failure"] == "tool_error" && step?["attempts"] == 1, "\(String(describing: step))")
                    #expect(step?["error"]?.string?.contains("has carried out the request") == true)
                    let decisions = (await workflows.get("\(path)/audit")["entries"]?.array ?? [])
                        .filter { $0["event_type"] == "workflow.recovery_triggered" }
                        .compactMap { $0["decision"]?.string }
                    #expect(decisions == ["escalate"])
                }
                // A person may have it sent again.
                #expect(await workflows.post("\(unmet)/resume").status == 200)
                try await workflows.app.runJobs()
                #expect(await workflows.get(unmet)["status"] == "completed")
                #expect(server.requests.count == 4)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a response with U+0000 is stored without it`(engine: Engine) async throws {
        try await ScriptedServer.with(Self.response("200 OK", "a\0b")) { server in
            try await withWorkflows(engine, change: { $0.outboundPrivateNetworks = ["127.0.0.1"] }) { workflows in
                for (number, method) in ["POST", "PUT"].enumerated() {
                    let path = try await workflows.run([Self.request(method, to: server)])
                    if method == "PUT" { try await workflows.approve(path) }
                    let workflow = await workflows.get(path)
                    #expect(workflow["status"] == "completed", "\(workflow)")
                    #expect(await workflows.output("send", of: path) == "a\u{FFFD}b")
                    #expect(server.requests.count == number + 1)
                }
            }
        }
    }
}
