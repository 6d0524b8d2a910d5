import App
import Base
import Foundation
import Modules
import TestKit
import Testing

/// Random requests, jobs that are interrupted or killed, and time, for one account after the other, each compared with
/// ``WorkflowModel``.
struct WorkflowWalk {
    private let app: TestApp
    private let faults: UnavailableDatabase.Switch
    /// The URL of a service that is always busy.
    private let busy: String
    /// The URL of a service that does what it is asked.
    private let answering: String
    private var random: SplitMix
    private var account: WorkflowsFixture
    private var model = WorkflowModel()
    /// Actions of the present account.
    private var actions = 0

    private static let actionsMax = 150
    /// Workflows that have not ended.
    private static let liveMax = 6
    /// Of the jobs of the service, so that no job fails or is killed so often that it is dead.
    private static let jobAttemptsMax = 5

    init(
        _ account: WorkflowsFixture, _ faults: UnavailableDatabase.Switch, busy: String, answering: String, seed: UInt64
    ) {
        (app, self.account, self.faults) = (account.app, account, faults)
        (self.busy, self.answering) = (busy, answering)
        random = SplitMix(seed: seed)
    }

    /// Runs a number of actions, and the workflows of the last account to their ends.
    mutating func run(_ count: Int) async throws {
        for number in 0..<count {
            try await act()
            if number % 50 == 49 { try await account.requireInvariants() }
            actions += 1
            let isDone = model.available == 0 && live.isEmpty
            if isDone || actions == Self.actionsMax { try await change() }
        }
        try await finish()
    }

    private var live: [Int] { model.runs.indices.filter { !model.runs[$0].isFinished } }

    // MARK: Actions

    private mutating func act() async throws {
        switch Int.random(in: 0..<20, using: &random) {
        case 0...2: try await submit()
        case 3: try await control("DELETE", "") { $0.cancel($1, at: $2) }
        case 4: try await control("POST", "/pause") { $0.pause($1, at: $2) }
        case 5, 6: try await control("POST", "/resume") { $0.resume($1, at: $2) }
        case 7: try await retry()
        case 8, 9: try await answer()
        case 10...14: try await runJob()
        case 15: try await runJob(failing: Int.random(in: 1...60, using: &random))
        case 16: try await killJob()
        default:
            app.clock.advance(by: .seconds(Int64.random(in: 1...40, using: &random)))
            try await compare(live, "the clock")
        }
    }

    private mutating func submit() async throws {
        guard live.count < Self.liveMax, let kind = WorkflowModel.Kind.allCases.randomElement(using: &random) else {
            return try await runJob()
        }
        let rank = Int.random(in: 1...3, using: &random)
        let priority = ["high", "normal", "low"][rank - 1]
        var more: [String: JSONValue] = ["priority": .string(priority)]
        if kind == .overBudget { more["budget"] = 0.0002 }
        let key = "walk-\(model.runs.count)-\(actions)"
        let compared = live
        let response =
            kind == .unclear
            ? await account.submit("and and and", more, key: key)
            : await account.submit(nodes: nodes(of: kind), more, key: key)
        let isAllowed = model.available > 0
        #expect(response.status == (isAllowed ? 202 : 403), "\(response)")
        if isAllowed { try accept(response, kind, rank) } else { #expect(response.code == "credits-exhausted") }
        try await compare(isAllowed ? compared + [model.runs.count - 1] : compared, "a submission")
        if isAllowed, model.available > 0, Bool.random(using: &random) {
            let again =
                kind == .unclear
                ? await account.submit("and and and", more, key: key)
                : await account.submit(nodes: nodes(of: kind), more, key: key)
            #expect(again.status == 202 && again["workflow_id"] == response["workflow_id"], "\(again)")
            try await compare(live, "a repeated submission")
        }
    }

    private mutating func accept(_ response: TestResponse, _ kind: WorkflowModel.Kind, _ rank: Int) throws {
        guard let id = response["workflow_id"]?.string else { throw UnexpectedResponse(response) }
        model.submit(kind, id: id, rank: rank, at: app.clock.now)
    }

    private mutating func control(
        _ method: String, _ suffix: String,
        _ change: (inout WorkflowModel, _ index: Int, _ now: Instant) -> Int
    ) async throws {
        guard let index = model.runs.indices.randomElement(using: &random) else { return }
        let compared = live
        let response = await app.call(method, path(index) + suffix, token: account.person.token)
        let status = change(&model, index, app.clock.now)
        #expect(response.status == status, "\(method) \(suffix) \(response)")
        try await compare(compared, "\(method) \(suffix)")
    }

    private mutating func retry() async throws {
        guard live.count < Self.liveMax, let index = model.runs.indices.randomElement(using: &random) else { return }
        let compared = live
        let response = await account.post(path(index) + "/retry")
        let status = model.retry(index)
        #expect(response.status == status, "\(response)")
        guard status == 202 else { return try await compare(compared, "a refused retry") }
        try accept(response, model.runs[index].kind, model.runs[index].rank)
        try await compare(compared + [model.runs.count - 1], "a retry")
    }

    /// Answers a question, also one that is not pending any more.
    private mutating func answer() async throws {
        let asked = model.runs.indices.filter { model.runs[$0].kind == .asking && !model.runs[$0].steps.isEmpty }
        let waiting = asked.filter { model.runs[$0].count("awaiting_approval") > 0 }
        guard let index = (waiting.isEmpty ? asked : waiting).randomElement(using: &random) else {
            return try await runJob()
        }
        let approvals = await account.get("\(path(index))/approvals")["approvals"]?.array ?? []
        #expect(approvals.isEmpty || approvals.count == 1, "\(approvals)")
        guard let approval = approvals.first?["approval_id"]?.string else { return }
        let compared = live
        let approves = Int.random(in: 0..<4, using: &random) > 0
        let response = await app.call(
            "POST", "\(path(index))/approvals/\(approval)", json: ["approve": .bool(approves)],
            token: account.person.token)
        let status = model.answer(index, 1, approves: approves, at: app.clock.now)
        #expect(response.status == status, "\(response)")
        try await compare(compared, "an answer")
    }

    // MARK: Jobs

    /// Runs one job, which may be one that has nothing to do with workflows.
    private mutating func runJob() async throws {
        try await app.runJobs(atMost: 1)
        try await compareWithNext("a job")
    }

    /// The work of a job whose transaction fails is done not at all, and again later.
    private mutating func runJob(failing statement: Int) async throws {
        guard try await count("jobs WHERE finished_at IS NULL AND attempt > \(Self.jobAttemptsMax)") == 0 else {
            return try await runJob()
        }
        _ = try? await faults.failStatement(statement) { try await app.runJobs(atMost: 1) }
        try await compareWithNext("a failing job")
    }

    /// The process ends after its claim of the job, after the work, or in between.
    private mutating func killJob() async throws {
        guard try await count("jobs WHERE finished_at IS NULL AND (crash_count > 0 OR state = 'leased')") == 0 else {
            return try await runJob()
        }
        let (commits, isAtOnce) = (Int.random(in: 1...3, using: &random), Bool.random(using: &random))
        _ = try? await faults.kill(after: commits, isAtOnce: isAtOnce) { try await app.runJobs(atMost: 1) }
        try await compareWithNext("a killed job")
    }

    /// The database is as before, or as after one of the jobs.
    private mutating func compareWithNext(_ action: String) async throws {
        let compared = live
        let found = try await lines(of: compared)
        if found == model.lines(of: compared) { return }
        // The end of a lease of a workflow that was cancelled starts steps, too, before the job is run.
        for startsBefore in [false, true] {
            var before = model
            if startsBefore { before.run(.start, at: app.clock.now) }
            for job in before.jobs {
                var next = before
                next.run(job, at: app.clock.now)
                if next.lines(of: compared) == found {
                    model = next
                    return
                }
            }
        }
        Issue.record("after \(action): \(found), expected one of the jobs after \(model.lines(of: compared))")
        throw WalkFailure()
    }

    // MARK: Comparison

    private func compare(_ indices: [Int], _ action: String) async throws {
        let (found, expected) = (try await lines(of: indices), model.lines(of: indices))
        if found == expected { return }
        Issue.record("after \(action): \(found), expected \(expected)")
        throw WalkFailure()
    }

    private func lines(of indices: [Int]) async throws -> [String] {
        let ids = indices.map { model.runs[$0].id }
        let organisation = account.person.organisation
        return try await account.database.read { transaction in
            var steps: [String: [String]] = [:]
            var lines: [String] = []
            if !ids.isEmpty {
                let rows = try transaction.all(
                    """
                    SELECT workflow_id, node_id, state, attempt FROM workflow_steps
                    WHERE workflow_id IN \(list: ids) ORDER BY workflow_id, position
                    """
                ) {
                    (
                        try $0.read("workflow_id", as: String.self), try $0.read("node_id", as: String.self),
                        try $0.read("state", as: String.self), try $0.read("attempt", as: Int64.self)
                    )
                }
                for (id, node, state, attempt) in rows { steps[id, default: []].append("\(node) \(state) \(attempt)") }
                lines = try transaction.all(
                    """
                    SELECT id, state, pause, settlement, error_code, cost FROM workflows
                    WHERE id IN \(list: ids) AND organisation_id = \(organisation) ORDER BY id
                    """
                ) { row in
                    let id: String = try row["id"]
                    let (pause, error): (String?, String?) = (try row["pause"], try row["error_code"])
                    let members = [
                        try row.read("state", as: String.self), pause ?? "-",
                        try row.read("settlement", as: String.self), error ?? "-",
                        "\(try row.read("cost", as: Int64.self))",
                    ]
                    return WorkflowModel.line(id, members, steps[id, default: []].joined(separator: ", "))
                }
            }
            let available = try transaction.count(
                """
                SELECT CAST(COALESCE(SUM(available), 0) AS \(.integer)) AS count FROM credit_lots
                WHERE organisation_id = \(organisation)
                """)
            let bucket = try transaction.first(
                "SELECT used, held FROM buckets WHERE organisation_id = \(organisation) AND meter = 'workflows'"
            ) { (used: try $0.read("used", as: Int64.self), held: try $0.read("held", as: Int64.self)) }
            return lines.sorted() + [
                WorkflowModel.line(
                    available: Int(available), used: Int(bucket?.used ?? 0), held: Int(bucket?.held ?? 0))
            ]
        }
    }

    private func count(_ sql: SQL) async throws -> Int64 { try await account.count(sql) }

    private func path(_ index: Int) -> String { "/v1/workflows/\(model.runs[index].id)" }

    // MARK: Accounts

    /// Another account, with credits of its own.
    private mutating func change() async throws {
        try await finish()
        account = try await WorkflowsFixture(app)
        (model, actions) = (WorkflowModel(), 0)
    }

    /// Cancels what has not ended, runs all jobs, and compares everything.
    private mutating func finish() async throws {
        for index in live { try await cancel(index) }
        // Jobs that were interrupted run again after their waits.
        for _ in 0..<20 {
            try await app.runJobs()
            app.clock.advance(by: .minutes(1))
        }
        try await compare(Array(model.runs.indices), "the end")
        #expect(
            await account.levels() == [Int64(model.available), Int64(model.used), Int64(model.held)])
        try await account.requireInvariants()
    }

    private mutating func cancel(_ index: Int) async throws {
        let response = await account.delete(path(index))
        #expect(response.status == model.cancel(index, at: app.clock.now), "\(response)")
    }

    // MARK: Graphs

    private func nodes(of kind: WorkflowModel.Kind) -> [JSONValue] {
        switch kind {
        case .good:
            [
                Node.write("a", "a.txt", "1"), Node.read("b", "a.txt", after: ["a"]), Node.write("c", "c.txt", "2"),
                Node.write("d", "d.txt", Node.output("b"), after: ["b", "c"]),
            ]
        case .failing: [Node.write("a", "a.txt", "1"), Node.read("b", "missing", after: ["a"])]
        case .busy:
            [
                Node.write("a", "a.txt", "1"), Node.request("b", busy, after: ["a"]), Node.write("c", "c.txt", "2"),
            ]
        case .asking:
            [
                Node.write("a", "a.txt", "1"), Node.request("b", answering, "DELETE", after: ["a"]),
                Node.read("c", "a.txt", after: ["b"]),
            ]
        case .overBudget:
            [
                Node.write("a", "a.txt", "1", micros: 0), Node.write("b", "b.txt", "2", after: ["a"], micros: 0),
                Node.write("c", "c.txt", "3", after: ["b"], micros: 50),
            ]
        case .unclear: []
        }
    }
}

/// The model and the service differ: further actions would differ too.
struct WalkFailure: Error {}
