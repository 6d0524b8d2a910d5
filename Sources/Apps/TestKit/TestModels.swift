package import Base
import Foundation
package import Models
import Outbound
import Synchronization

/// A server with the APIs of Anthropic and OpenAI: llmock, in a process of its own. All tests share the process; each
/// uses a ``TestModel``.
package final class TestModels: Sendable {
    /// Whether the interpreter has llmock.
    package static let isAvailable = (try? Python.run(["-c", "import llmock.testing"])) != nil

    private static let shared = Result { try TestModels() }
    let url: String
    private let outbound: OutboundClient
    /// The process ends when this pipe is closed.
    private let input = Pipe()

    private static let script = """
        import os, sys
        from fastapi import Request
        from llmock import admin
        from llmock.testing import LLMockServer

        # The requests of one model: all of those of a suite are large.
        @admin.router.get("/requests/{model}")
        def list_requests_of(request: Request, model: str):
            records = request.app.state.llmock.journal.records(wait=2.0)
            return {"requests": [record.to_dict() for record in records if record.model == model]}

        print(LLMockServer().start().port, flush=True)
        # The process ends with the one that holds its standard input.
        sys.stdin.read()
        os._exit(0)
        """

    private init() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [Python.command, "-c", Self.script]
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        guard let line = String(data: output.fileHandleForReading.availableData, encoding: .utf8),
            let port = Int(line.filter(\.isNumber))
        else { throw NoServer() }
        url = "http://127.0.0.1:\(port)"
        outbound = OutboundClient()
    }

    package struct NoServer: Error {}

    /// A model of its own name on the shared server, which is started by the first call.
    package static func model() throws -> TestModel {
        TestModel(server: try shared.get(), name: "test-\(UInt64.random(in: .min ... .max))")
    }

    /// Changes or reads the state of the server itself.
    func control(_ method: String, _ path: String, _ value: JSONValue? = nil) async throws -> JSONValue {
        let response = try await outbound.send(
            OutboundRequest(
                method, "\(url)/_llmock/\(path)",
                body: try value.map { .bytes(Array(try JSONEncoder().encode($0))) }, timeout: .seconds(60),
                responseBytesMax: 64 << 20))
        guard (200..<300).contains(response.status) else { throw NoServer() }
        return try JSONValue(parsing: response.body)
    }
}

/// A model on the server of ``TestModels``, whose answers a test scripts.
package struct TestModel: Sendable {
    let server: TestModels
    package let name: String

    package func upstream(_ api: ModelUpstream.API) throws -> ModelUpstream {
        let path = api == .anthropic ? "/anthropic" : "/v1"
        return try ModelUpstream(api, baseURL: server.url + path, key: ModelKey("test-key"))
    }

    package func settings(_ api: ModelUpstream.API) throws -> ModelSettings {
        ModelSettings(upstream: try upstream(api), model: name)
    }

    /// Adds what the next requests meet, in the form of llmock's scenarios, such as
    /// `["type": "reply", "text": "Hello."]` or `["type": "fail", "status": 429]`.
    package func script(_ behaviours: [String: JSONValue]...) async throws {
        let own = behaviours.map { behaviour in
            JSONValue.object(behaviour.merging(["match": ["model": .string(name)]]) { $1 })
        }
        _ = try await server.control("POST", "scenario", ["behaviors": .array(own)])
    }

    /// What the requests for this model were, oldest first: with `path`, `status`, `stream` and `body`.
    package func requests() async throws -> [JSONValue] {
        try await server.control("GET", "requests/\(name)")["requests"]?.array ?? []
    }
}
