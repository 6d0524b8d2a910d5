import App
import Client
import Identity
import Modules

/// The requests of the tour of Sandbox: a session, decisions with their log, an experiment, and the limits.
struct SandboxTour: Sendable {
    let runner: TourRunner
    /// Sends requests without a credential.
    let anonymous: Client
    /// Creates the administrator, which no endpoint does.
    let app: App

    private static let password = "a-long-and-winding-road"
    private static let instance = "i-0123456789abcdef0"
    private static let request: JSONValue = [
        "instance_id": .string(instance), "instance_type": "c5.large", "availability_zone": "ap-south-1b",
        "aws_access_key": "AKIAIOSFODNN7EXAMPLE", "aws_secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ]

    func run() async throws {
        runner.section("A data scientist, without a plan")
        let client = try await signIn()

        runner.section("A session for one instance, two hours long; this server has no AWS, so built-in tables answer")
        let created = try await runner.step(
            .post, "/api/v1/sandbox/sessions", by: client, body: .json(Self.request), expect: .created
        ) { try "session until \($0.text(at: "expires_at")); AWS is \($0.text(at: "aws"))" }
        let session = try "/api/v1/sandbox/sessions/\(created.text(at: "session_id"))"
        try await evaluate(session, client, "STAY")
        try await runner.step(
            .post, "\(session)/signals", by: client, body: .json(["signal": "INSTANCE_TERMINATION"]), expect: .ok,
            "AWS has announced the end of the instance")
        try await evaluate(session, client, "EVACUATE")
        try await showLog(try created.text(at: "log_topic"), client)
        try await runner.step(.get, "\(session)/actions", by: client, expect: .ok) {
            "\($0.array?.count ?? 0) actions are recorded"
        }
        try await runner.step(.get, "\(session)/savings", by: client, expect: .ok) {
            try "\($0.number(at: "cumulative_savings")) USD saved so far"
        }

        runner.section("An experiment: the linear pipeline with the next version of the model")
        try await experiment(client)

        runner.section("Limits: at most five active sessions")
        try await exceedLimit(client)
        try await runner.step(.delete, session, by: client, expect: .ok) { try $0.text(at: "message") }
        try await runner.step(
            .post, "\(session)/evaluate", by: client,
            expect: .refused(410, "session-expired", "Session has expired", andMore: true), "the session has ended")
    }

    private func signIn() async throws -> Client {
        _ = try await app.identity.registration.createAdministrator(email: "lab@example.org", password: Self.password)
        runner.note("(on the server: gatehouse admin create --email lab@example.org)")
        let response = try await runner.step(
            .post, "/v1/auth/login", by: anonymous,
            body: .json(["email": "lab@example.org", "password": .string(Self.password)]), expect: .ok,
            "signed in as an administrator, who may assign models")
        return anonymous.signedIn(with: try response.text(at: "access_token"))
    }

    private func evaluate(_ session: String, _ client: Client, _ decision: String) async throws {
        try await runner.step(
            .post, "\(session)/evaluate", by: client,
            expect: .ok(["decision": .string(decision), "source": "builtin"])
        ) { try "\(decision): \($0.text(at: "reason"))" }
    }

    /// Prints the last lines of the log.
    private func showLog(_ topic: String, _ client: Client) async throws {
        let page = try await runner.step(
            .get, "/v1/realtime/topics/\(topic)?after=0", by: client, expect: .ok
        ) { "the log has \($0["messages"]?.array?.count ?? 0) messages; the last lines:" }
        let lines = (page["messages"]?.array ?? []).compactMap { $0["data"] }.filter { $0["type"] == "log" }
        for line in lines.suffix(6) {
            runner.note("\(line["log_type"]?.string ?? ""): \(line["message"]?.string ?? "")")
        }
    }

    private func experiment(_ client: Client) async throws {
        let models = try await runner.step(.get, "/api/v1/lab/models", by: client, expect: .ok) {
            ($0.array ?? []).compactMap { $0["version"]?.string }.joined(separator: ", ")
        }
        guard let model = models.array?.first(where: { $0["is_experimental"] == true })?["id"]?.string else {
            throw Failure("GET /api/v1/lab/models\n  expected  an experimental model\n  got       none")
        }
        try await runner.step(
            .post, "/api/v1/lab/assign-model", by: client,
            body: .json(["instance_id": .string(Self.instance), "model_id": .string(model)]),
            expect: .ok(["status": "updated", "mode": "Lab Experiment Active"]), "Lab Experiment Active")
        let pool: JSONValue = [
            "instance_type": "c5.large", "availability_zone": "ap-south-1b", "instance_id": .string(Self.instance),
        ]
        try await runner.step(
            .post, "/api/v1/evaluate", by: client, body: .json(pool), expect: .ok(["decision": "SWITCH"])
        ) { try "SWITCH: \($0.text(at: "reason"))" }
        try await runner.step(.get, "/api/v1/lab/experiments/model/\(model)", by: client, expect: .ok) {
            try "\($0.at("total_predictions").text) run, switch rate \($0.number(at: "switch_rate"))"
        }
    }

    private func exceedLimit(_ client: Client) async throws {
        for number in 2...5 {
            try await runner.step(
                .post, "/api/v1/sandbox/sessions", by: client, body: .json(Self.request), expect: .created,
                "session \(number)")
        }
        try await runner.step(
            .post, "/api/v1/sandbox/sessions", by: client, body: .json(Self.request),
            expect: .refused(
                429, "concurrency-limit", "Rate limit exceeded. Maximum 5 active sessions allowed.", ["limit": 5]),
            "the sixth")
    }
}
