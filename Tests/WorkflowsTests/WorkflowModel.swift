import Base
import Modules

/// A plain model of the workflows of one account on a trial: their states and steps, credits, units and agents. It does
/// in memory, one thing after the other, what the service does in transactions.
struct WorkflowModel {
    /// What a workflow consists of.
    enum Kind: CaseIterable {
        case good
        /// A step reads a file that is not there.
        case failing
        /// A service is always busy.
        case busy
        /// A step needs consent.
        case asking
        /// The third step exceeds the budget.
        case overBudget
        /// No planner understands it.
        case unclear
    }

    /// What becomes of each attempt at a step.
    enum Outcome { case success, toolError, transient }

    struct Node {
        let id: String
        var outcome = Outcome.success
        var after: [String] = []
        /// What is reserved for it: at least ``cost``.
        var estimate: Int64 = 1_000
        /// Of each attempt: the usual cost of its tool.
        var cost: Int64 = 100
        var needsConsent = false
    }

    struct Step {
        let node: Node
        var state: String
        var attempt = 0
        var attemptsBefore = 0
        var runAt: Instant
        var isApproved = false
    }

    struct Run {
        let id: String
        let kind: Kind
        /// Of its priority: lower runs first.
        let rank: Int
        let budget: Int64
        var state = "pending"
        var pause: String?
        var settlement = "held"
        var errorCode: String?
        var cost: Int64 = 0
        var reserved: Int64 = 0
        var steps: [Step] = []

        var isFinished: Bool { ["completed", "failed", "cancelled"].contains(state) }
        func count(_ state: String) -> Int { steps.count { $0.state == state } }
    }

    /// What a job does.
    enum Job {
        case plan(Int)
        /// The present attempt at a step.
        case step(Int, Int)
        /// Starts steps whose time has come.
        case start
    }

    static let creditsMax = 10
    static let agentsMax = 2
    private static let attemptsMax = 3

    /// In the order of their submission.
    private(set) var runs: [Run] = []
    private(set) var available = creditsMax
    private(set) var used = 0
    private(set) var held = 0

    /// The jobs that may be next; those of workflows that have ended change nothing.
    var jobs: [Job] {
        var jobs: [Job] = [.start]
        for (index, run) in runs.enumerated() {
            if run.state == "pending" { jobs.append(.plan(index)) }
            for step in run.steps.indices where run.steps[step].state == "running" { jobs.append(.step(index, step)) }
        }
        return jobs
    }

    // MARK: Requests: each returns the status of its response

    mutating func submit(_ kind: Kind, id: String, rank: Int, at now: Instant) {
        available -= 1
        held += 1
        runs.append(Run(id: id, kind: kind, rank: rank, budget: kind == .overBudget ? 200 : 10_000_000))
        startSteps(at: now)
    }

    mutating func pause(_ index: Int, at now: Instant) -> Int {
        guard runs[index].state == "running" else { return 409 }
        runs[index].state = "paused"
        runs[index].pause = "requested"
        startSteps(at: now)
        return 200
    }

    mutating func resume(_ index: Int, at now: Instant) -> Int {
        guard runs[index].state == "paused" else { return 409 }
        runs[index].state = "running"
        runs[index].pause = nil
        for step in runs[index].steps.indices where runs[index].steps[step].state == "failed" {
            runs[index].steps[step].state = "ready"
            runs[index].steps[step].attemptsBefore = runs[index].steps[step].attempt
            runs[index].steps[step].runAt = now
        }
        if runs[index].count("succeeded") == runs[index].steps.count { complete(index) }
        startSteps(at: now)
        return 200
    }

    mutating func cancel(_ index: Int, at now: Instant) -> Int {
        guard !runs[index].isFinished else { return 409 }
        end(index, as: "cancelled")
        startSteps(at: now)
        return 200
    }

    /// The status of a retry; 202 leads to a further workflow.
    func retry(_ index: Int) -> Int {
        if available == 0 { return 403 }
        return runs[index].state == "failed" || runs[index].state == "cancelled" ? 202 : 409
    }

    /// Answers the question about a step.
    mutating func answer(_ index: Int, _ step: Int, approves: Bool, at now: Instant) -> Int {
        guard runs[index].steps[step].state == "awaiting_approval" else { return 409 }
        if approves {
            runs[index].steps[step].isApproved = true
            runs[index].steps[step].state = "ready"
            runs[index].steps[step].runAt = now
        } else {
            fail(index, "approval-denied")
        }
        startSteps(at: now)
        return 200
    }

    // MARK: Jobs

    mutating func run(_ job: Job, at now: Instant) {
        switch job {
        case .plan(let index): plan(index, at: now)
        case .step(let index, let step): attempt(index, step, at: now)
        case .start: break
        }
        startSteps(at: now)
    }

    private mutating func plan(_ index: Int, at now: Instant) {
        guard runs[index].kind != .unclear else { return fail(index, "intent-not-understood") }
        runs[index].state = "running"
        runs[index].steps = Self.nodes(of: runs[index].kind).map {
            Step(node: $0, state: $0.after.isEmpty ? "ready" : "pending", runAt: now)
        }
    }

    private mutating func attempt(_ index: Int, _ number: Int, at now: Instant) {
        let step = runs[index].steps[number]
        runs[index].reserved = max(0, runs[index].reserved - step.node.estimate)
        runs[index].cost += step.node.cost
        let tries = step.attempt - step.attemptsBefore
        guard step.node.outcome != .success else { return succeed(index, number, at: now) }
        guard tries >= Self.attemptsMax else {
            let wait = step.node.outcome == .transient ? Duration.seconds(1 << (tries - 1)) : .zero
            runs[index].steps[number].state = "ready"
            runs[index].steps[number].runAt = now + wait
            return
        }
        runs[index].steps[number].state = "failed"
        if runs[index].state == "running" {
            runs[index].state = "paused"
            runs[index].pause = "escalated"
        }
    }

    private mutating func succeed(_ index: Int, _ number: Int, at now: Instant) {
        runs[index].steps[number].state = "succeeded"
        if runs[index].settlement == "held" {
            runs[index].settlement = "committed"
            held -= 1
            used += 1
        }
        if runs[index].count("succeeded") == runs[index].steps.count, runs[index].state == "running" {
            return complete(index)
        }
        let succeeded = Set(runs[index].steps.filter { $0.state == "succeeded" }.map(\.node.id))
        for next in runs[index].steps.indices
        where runs[index].steps[next].state == "pending"
            && runs[index].steps[next].node.after.allSatisfy(succeeded.contains)
        {
            runs[index].steps[next].state = "ready"
            runs[index].steps[next].runAt = now
        }
    }

    /// Starts steps, by priority, workflow, attempt and position, while there are agents.
    private mutating func startSteps(at now: Instant) {
        while true {
            let working = runs.reduce(0) { $0 + $1.count("running") }
            let room = Self.agentsMax - working
            guard room > 0 else { return }
            let ready = runs.indices.filter { runs[$0].state == "running" }
                .sorted { (runs[$0].rank, runs[$0].id) < (runs[$1].rank, runs[$1].id) }
                .flatMap { index in
                    let steps = runs[index].steps
                    return steps.indices.sorted { (steps[$0].attempt, $0) < (steps[$1].attempt, $1) }
                        .map { (index, $0) }
                }
                .filter { runs[$0].steps[$1].state == "ready" && runs[$0].steps[$1].runAt <= now }
            if ready.isEmpty { return }
            for (index, step) in ready.prefix(room) where runs[index].state == "running" { start(index, step) }
        }
    }

    private mutating func start(_ index: Int, _ number: Int) {
        let step = runs[index].steps[number]
        guard !step.node.needsConsent || step.isApproved else {
            runs[index].steps[number].state = "awaiting_approval"
            return
        }
        guard runs[index].cost + runs[index].reserved + step.node.estimate <= runs[index].budget else {
            return fail(index, "budget-exceeded")
        }
        runs[index].reserved += step.node.estimate
        runs[index].steps[number].state = "running"
        runs[index].steps[number].attempt += 1
    }

    private mutating func complete(_ index: Int) { end(index, as: "completed") }

    private mutating func fail(_ index: Int, _ code: String) {
        runs[index].errorCode = code
        end(index, as: "failed")
    }

    private mutating func end(_ index: Int, as state: String) {
        runs[index].state = state
        runs[index].pause = nil
        runs[index].reserved = 0
        for step in runs[index].steps.indices
        where ["pending", "ready", "running", "awaiting_approval"].contains(runs[index].steps[step].state) {
            runs[index].steps[step].state = "cancelled"
        }
        guard runs[index].settlement == "held" else { return }
        runs[index].settlement = "released"
        held -= 1
        available += 1
    }

    // MARK: Comparison

    /// What can be compared with the database: a line for each of some workflows, and one for the account.
    func lines(of indices: [Int]) -> [String] {
        indices.map { index in
            let run = runs[index]
            let steps = run.steps.map { "\($0.node.id) \($0.state) \($0.attempt)" }.joined(separator: ", ")
            return Self.line(
                run.id, [run.state, run.pause ?? "-", run.settlement, run.errorCode ?? "-", "\(run.cost)"], steps)
        }.sorted() + [Self.line(available: available, used: used, held: held)]
    }

    static func line(_ id: String, _ members: [String], _ steps: String) -> String {
        "\(id) \(members.joined(separator: " ")): \(steps)"
    }

    static func line(available: Int, used: Int, held: Int) -> String {
        "credits \(available), used \(used), held \(held)"
    }

    // MARK: Plans

    static func nodes(of kind: Kind) -> [Node] {
        switch kind {
        case .good:
            [
                Node(id: "a"), Node(id: "b", after: ["a"]), Node(id: "c"), Node(id: "d", after: ["b", "c"]),
            ]
        case .failing: [Node(id: "a"), Node(id: "b", outcome: .toolError, after: ["a"])]
        case .busy:
            [
                Node(id: "a"), Node(id: "b", outcome: .transient, after: ["a"], cost: 1_000), Node(id: "c"),
            ]
        case .asking:
            [
                Node(id: "a"), Node(id: "b", after: ["a"], cost: 1_000, needsConsent: true),
                Node(id: "c", after: ["b"]),
            ]
        case .overBudget:
            [
                Node(id: "a", estimate: 100), Node(id: "b", after: ["a"], estimate: 100),
                Node(id: "c", after: ["b"], estimate: 100),
            ]
        case .unclear: []
        }
    }
}
