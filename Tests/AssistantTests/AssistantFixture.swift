import App
import Base
import Foundation
import HTTPTypes
import Models
import Modules
import NIOCore
import TestKit
import Testing

/// A system with an account on a plan with tokens. Without an upstream of the test the local echo answers.
struct AssistantFixture: Sendable {
    let app: TestApp
    let person: TestPerson

    init(_ app: TestApp) async throws {
        self.app = app
        person = try await app.subscriber("student", "owner")
    }

    // MARK: Requests

    func post(_ path: String, _ json: JSONValue? = nil, as other: TestPerson? = nil) async -> TestResponse {
        await app.call("POST", path, json: json, token: (other ?? person).token)
    }

    func get(_ path: String, as other: TestPerson? = nil) async -> TestResponse {
        await app.call("GET", path, token: (other ?? person).token)
    }

    func patch(_ path: String, _ json: JSONValue) async -> TestResponse {
        await app.call("PATCH", path, json: json, token: person.token)
    }

    func delete(_ path: String, as other: TestPerson? = nil) async -> TestResponse {
        await app.call("DELETE", path, token: (other ?? person).token)
    }

    static func user(_ text: String) -> JSONValue { ["role": "user", "content": .string(text)] }

    static func body(_ messages: [JSONValue], _ more: [String: JSONValue] = [:]) -> JSONValue {
        .object(["messages": .array(messages), "max_tokens": 100].merging(more) { $1 })
    }

    /// Sends a message of the user.
    func chat(_ text: String, _ more: [String: JSONValue] = [:], as other: TestPerson? = nil) async -> TestResponse {
        await post("/v1/chat/completions", Self.body([Self.user(text)], more), as: other)
    }

    /// Sends a message of the user, and returns when the answer has begun.
    func begin(_ text: String, _ more: [String: JSONValue] = [:]) async throws -> Response {
        var head = HTTPRequest(method: .post, scheme: "http", authority: "localhost", path: "/v1/chat/completions")
        head.headerFields[.contentType] = "application/json"
        head.headerFields[.authorization] = "Bearer \(person.token)"
        var bytes: [UInt8] = []
        bytes.append(json: Self.body([Self.user(text)], more.merging(["stream": true]) { $1 }))
        return await app.app.dispatcher.respond(to: head, body: RequestBody(bytes: bytes), address: "192.0.2.1")
    }

    /// - Returns: the id of a new session.
    func session(_ more: [String: JSONValue] = [:], as other: TestPerson? = nil) async throws -> String {
        let created = await post("/v1/sessions", .object(more), as: other)
        guard created.status == 201, let id = created["id"]?.string else { throw UnexpectedResponse(created) }
        return id
    }

    /// - Returns: a new API key of the person.
    func key(_ scopes: String...) async throws -> String {
        let created = await post(
            "/v1/auth/api-keys",
            [
                "name": "for a test", "scopes": .array(scopes.map { .string($0) }),
                "password": .string(person.password),
            ])
        guard let key = created["api_key"]?.string else { throw UnexpectedResponse(created) }
        return key
    }

    // MARK: What requests leave behind

    /// The used and reserved tokens of the plan.
    func tokens() async -> [Int64?] {
        let meter = await get("/v1/usage")["meters"]?["tokens"]
        return [meter?["used"]?.integer, meter?["held"]?.integer]
    }

    /// The roles and contents of the messages of a session.
    func messages(_ session: String) async -> [[String]] {
        let list = await get("/v1/sessions/\(session)/messages")["messages"]?.array ?? []
        return list.map { [$0["role"]?.string ?? "", $0["content"]?.string ?? ""] }
    }

    /// The states of the turns, the oldest first.
    func turns() async throws -> [String] {
        try await app.app.database.read { transaction in
            try transaction.all("SELECT state FROM assistant_turns ORDER BY started_at, id") { try $0["state"] }
        }
    }

    /// The tokens that were reserved for the turns, the oldest first.
    func reservedTokens() async throws -> [Int64] {
        try await app.app.database.read { transaction in
            try transaction.all("SELECT reserved_tokens FROM assistant_turns ORDER BY started_at, id") {
                try $0["reserved_tokens"]
            }
        }
    }

    func requireInvariants() async throws {
        let faults = try await Invariants.faults(in: app.app.database)
        #expect(faults == [])
    }
}

func withAssistant(
    _ engine: Engine, upstream: ScriptedServer? = nil,
    databaseWrapper: @escaping @Sendable (any Database) -> any Database = { $0 },
    change: (inout Configuration) -> Void = { _ in }, _ body: (AssistantFixture) async throws -> Void
) async throws {
    try await withTestApp(
        engine, databaseWrapper: databaseWrapper,
        change: { configuration in
            // The clock of a test passes the lifetime of a session.
            configuration.accessTokenLifetime = .hours(1_000)
            if let upstream {
                configuration.openAIBaseURL = upstream.url
                configuration.openAIModel = "test-model"
            }
            change(&configuration)
        }
    ) { app in
        let fixture = try await AssistantFixture(app)
        try await body(fixture)
        try await fixture.requireInvariants()
    }
}

extension Configuration {
    /// Uses a model of llmock behind one of its APIs.
    mutating func use(_ model: String, at upstream: ModelUpstream) {
        switch upstream.api {
        case .openAI:
            openAIBaseURL = upstream.baseURL
            openAIModel = model
        case .anthropic:
            anthropicKey = "test-key"
            anthropicBaseURL = upstream.baseURL
            anthropicModel = model
        }
    }
}

/// Responses of a service with OpenAI's API.
enum Upstream {
    private static let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

    private static func part(_ text: String) -> String {
        #"data: {"choices":[{"index":0,"delta":{"content":"\#(text)"}}]}"# + "\n\n"
    }

    /// The beginning of an answer.
    static func beginning(_ texts: String...) -> String { head + texts.map(part).joined() }

    /// A whole answer, with the tokens that the service counts.
    static func answer(_ text: String, input: Int, output: Int) -> String {
        beginning(text) + #"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"# + "\n\n"
            + #"data: {"choices":[],"usage":{"prompt_tokens":\#(input),"completion_tokens":\#(output)}}"#
            + "\n\ndata: [DONE]\n\n"
    }

    /// A response that the client does not repeat.
    static func refusal(_ status: String, _ message: String) -> String {
        let body = #"{"error":{"message":"\#(message)","type":"x"}}"#
        return "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\nx-should-retry: false\r\n\r\n\(body)"
    }
}

extension TestResponse {
    /// The data of the server-sent events.
    var events: [String] {
        text.components(separatedBy: "\n\n").compactMap { event in
            event.split(separator: "\n").first { $0.hasPrefix("data: ") }.map { String($0.dropFirst(6)) }
        }
    }

    /// The data that are JSON.
    var chunks: [JSONValue] { events.compactMap { try? JSONValue(parsing: $0.utf8) } }

    /// The text of a streamed answer of OpenAI's API.
    var streamedText: String {
        chunks.compactMap { $0["choices"]?[0]?["delta"]?["content"]?.string }.joined()
    }
}
