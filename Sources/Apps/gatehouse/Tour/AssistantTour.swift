import Client
import Modules

/// The requests of the tour of the assistant: a conversation with the local model, and what is stored of it.
struct AssistantTour: Sendable {
    let runner: TourRunner
    /// Sends requests without a credential.
    let anonymous: Client

    private static let password = "a-long-and-winding-road"

    func run() async throws {
        runner.section("A developer, without a plan: the default allowance of tokens")
        let client = try await register()
        let model = try await showModels(client)

        runner.section("A conversation in a session, in the form of OpenAI's API")
        let session = try await createSession(client)
        try await chat("Where does the ferry to Oslo leave?", session, client)
        try await chat("And when?", session, client)
        try await runner.step(.get, "/v1/sessions/\(session)/messages", by: client, expect: .ok(["total": 4])) {
            try "the session has \(Int($0.number(at: "total"))) messages"
        }

        runner.section("The same model in the form of Anthropic's API")
        try await runner.step(
            .post, "/v1/messages", by: client,
            body: .json(["model": .string(model), "max_tokens": 50, "messages": [Self.user("Good day")]]),
            expect: .ok(["type": "message", "stop_reason": "end_turn"])
        ) { $0["content"]?[0]?["text"]?.string ?? "" }

        runner.section("What is broken is refused, and costs nothing")
        try await refuse(client)

        runner.section("Search, usage and export")
        try await runner.step(.get, "/v1/sessions/search?q=ferry%20oslo", by: client, expect: .ok(["total": 2])) { _ in
            "the question and its answer have both words"
        }
        try await runner.step(.get, "/v1/sessions/stats", by: client, expect: .ok) {
            try "\(Int($0.number(at: "total_tokens"))) tokens used, at \($0.number(at: "total_cost")) USD"
        }
        try await runner.step(
            .get, "/v1/sessions/\(session)/export?format=json", by: client, expect: .ok,
            "the session as one file")
        try await runner.step(
            .post, "/v1/sessions/\(session)/archive", by: client, expect: .ok(["status": "archived"]),
            "archived: it is not counted as active any more")
    }

    private static func user(_ text: String) -> JSONValue { ["role": "user", "content": .string(text)] }

    private func register() async throws -> Client {
        let response = try await runner.step(
            .post, "/v1/auth/register", by: anonymous,
            body: .json(["email": "dev@example.org", "password": .string(Self.password)]), expect: .created,
            "dev@example.org is registered")
        return anonymous.signedIn(with: try response.text(at: "access_token"))
    }

    private func showModels(_ client: Client) async throws -> String {
        let models = try await runner.step(.get, "/v1/models/capabilities", by: client, expect: .ok) {
            "\(Self.model($0)): a local model that says what it is"
        }
        return Self.model(models)
    }

    private static func model(_ list: JSONValue) -> String { list["data"]?[0]?["id"]?.string ?? "" }

    private func createSession(_ client: Client) async throws -> String {
        try await runner.step(
            .post, "/v1/sessions", by: client, body: .json(["name": "Ferries"]), expect: .created
        ) { try "the session \($0.text(at: "name"))" }.text(at: "id")
    }

    private func chat(_ text: String, _ session: String, _ client: Client) async throws {
        try await runner.step(
            .post, "/v1/chat/completions", by: client,
            body: .json(["session_id": .string(session), "messages": [Self.user(text)]]),
            expect: .ok(["object": "chat.completion"])
        ) { $0["choices"]?[0]?["message"]?["content"]?.string ?? "" }
    }

    private func refuse(_ client: Client) async throws {
        for (members, description) in [
            (["tools": [["type": "function", "function": ["name": "weather"]]]], "a tool without a schema"),
            (["max_tokens": 0], "an answer without tokens"),
        ] as [([String: JSONValue], String)] {
            let body: [String: JSONValue] = ["messages": [Self.user("Hello?")]]
            try await runner.step(
                .post, "/v1/chat/completions", by: client, body: .json(.object(body.merging(members) { $1 })),
                expect: Expectation(status: 422, members: ["code": "validation-failed"]), description)
        }
    }
}
