import App
import Base
import Foundation
import Identity
import Modules
import TestKit
import Testing

/// A system with an account on a trial.
struct WorkflowsFixture: Sendable {
    let app: TestApp
    let person: TestPerson

    init(_ app: TestApp) async throws {
        self.app = app
        person = try await app.register("owner")
        let started = await app.call("POST", "/v1/payments/start-trial", token: person.token)
        guard started.status == 201 else { throw UnexpectedResponse(started) }
    }

    var database: any Database { app.app.database }

    // MARK: Requests

    func submit(
        _ intent: String = "Do it", _ more: [String: JSONValue] = [:], key: String? = nil, as other: TestPerson? = nil
    ) async -> TestResponse {
        let body = JSONValue.object(["intent": .string(intent)].merging(more) { $1 })
        return await app.call(
            "POST", "/api/v1/intents", json: body, token: (other ?? person).token,
            headers: key.map { ["Idempotency-Key": $0] } ?? [:])
    }

    /// Submits a graph of nodes.
    func submit(nodes: [JSONValue], _ more: [String: JSONValue] = [:], key: String? = nil) async -> TestResponse {
        await submit(
            "Run these steps", more.merging(["goal_graph": ["nodes": .array(nodes)]]) { $1 }, key: key)
    }

    /// Submits a graph of nodes, and runs it as far as it gets.
    /// - Returns: the path of the workflow.
    func run(_ nodes: [JSONValue], _ more: [String: JSONValue] = [:]) async throws -> String {
        let accepted = await submit(nodes: nodes, more)
        guard accepted.status == 202, let path = accepted.headers["location"] else {
            throw UnexpectedResponse(accepted)
        }
        try await app.runJobs()
        return path
    }

    func get(_ path: String, as other: TestPerson? = nil) async -> TestResponse {
        await app.call("GET", path, token: (other ?? person).token)
    }

    func post(_ path: String, as other: TestPerson? = nil) async -> TestResponse {
        await app.call("POST", path, token: (other ?? person).token)
    }

    func delete(_ path: String, as other: TestPerson? = nil) async -> TestResponse {
        await app.call("DELETE", path, token: (other ?? person).token)
    }

    /// Consents to the steps of a workflow that wait for it, and runs the workflow as far as it gets.
    func approve(_ path: String) async throws {
        for approval in await get("\(path)/approvals")["approvals"]?.array ?? [] where approval["state"] == "pending" {
            let answer = await app.call(
                "POST", "\(path)/approvals/\(approval["approval_id"]?.string ?? "")", json: ["approve": true],
                token: person.token)
            guard answer.status == 200 else { throw UnexpectedResponse(answer) }
        }
        try await app.runJobs()
    }

    // MARK: What requests leave behind

    /// The credits of the trial that are left, and the used and reserved units of the quota.
    func levels() async -> [Int64?] {
        let trial = await get("/v1/payments/trial-status")
        let meter = await get("/v1/usage")["meters"]?["workflows"]
        return [trial["credits_remaining"]?.integer, meter?["used"]?.integer, meter?["held"]?.integer]
    }

    /// The types of the audit entries of a workflow.
    func audited(_ path: String) async -> [String] {
        let entries = await get("\(path)/audit")["entries"]?.array ?? []
        return entries.compactMap { $0["event_type"]?.string }
    }

    /// The messages of the topic of a workflow.
    func messages(_ path: String) async -> [JSONValue] {
        let topic = await get(path)["topic"]?.string ?? ""
        return await get("/v1/realtime/topics/\(topic)?after=0")["messages"]?.array ?? []
    }

    func step(_ id: String, of path: String) async -> JSONValue? {
        await get("\(path)/steps")["steps"]?.array?.first { $0["step_id"] == .string(id) }
    }

    func output(_ id: String, of path: String) async -> String? {
        await get("\(path)/steps/\(id)")["output"]?.string
    }

    func count(_ sql: SQL) async throws -> Int64 {
        try await database.read { try $0.count("SELECT COUNT(*) AS count FROM " + sql) }
    }

    func requireInvariants() async throws {
        let faults = try await Invariants.faults(in: database)
        #expect(faults == [])
    }
}

func withWorkflows(
    _ engine: Engine, databaseWrapper: @escaping @Sendable (any Database) -> any Database = { $0 },
    change: (inout Configuration) -> Void = { _ in }, _ body: (WorkflowsFixture) async throws -> Void
) async throws {
    try await withTestApp(engine, databaseWrapper: databaseWrapper, change: change) { app in
        let fixture = try await WorkflowsFixture(app)
        try await body(fixture)
        try await fixture.requireInvariants()
    }
}

/// The nodes of graphs.
enum Node {
    static func make(
        _ id: String, _ tool: String, _ capability: String, _ arguments: [String: JSONValue], after: [String] = [],
        criteria: [JSONValue] = [], micros: Int64 = 1_000
    ) -> JSONValue {
        [
            "id": .string(id), "description": "A step of a test", "capabilities": [.string(capability)],
            "tool": .string(tool), "arguments": .object(arguments),
            "dependencies": .array(after.map { .string($0) }), "success_criteria": .array(criteria),
            "estimated_cost_micros": .integer(micros), "estimated_seconds": 2,
        ]
    }

    static func write(
        _ id: String, _ path: String, _ text: JSONValue, after: [String] = [], criteria: [JSONValue] = [],
        micros: Int64 = 1_000
    ) -> JSONValue {
        make(
            id, "write_file", "files", ["path": .string(path), "text": text], after: after, criteria: criteria,
            micros: micros)
    }

    static func read(_ id: String, _ path: String, after: [String] = []) -> JSONValue {
        make(id, "read_file", "files", ["path": .string(path)], after: after)
    }

    static func output(_ id: String) -> JSONValue { ["$output": .string(id)] }

    static func command(
        _ id: String, _ command: JSONValue, after: [String] = [], criteria: [JSONValue] = []
    ) -> JSONValue {
        make(id, "run_command", "commands", ["command": command], after: after, criteria: criteria)
    }

    static func request(
        _ id: String, _ url: String, _ method: String = "GET", body: String? = nil, after: [String] = []
    ) -> JSONValue {
        var arguments: [String: JSONValue] = ["url": .string(url), "method": .string(method)]
        arguments["body"] = body.map { .string($0) }
        return make(id, "http_request", "web", arguments, after: after)
    }
}
