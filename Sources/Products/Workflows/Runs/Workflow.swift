import Entitlements
import GoalGraphs
import Identity
import Modules

/// An intent, and the run of the goal graph that was planned for it.
///
/// | state | event | next |
/// |---|---|---|
/// | – | submit | pending |
/// | pending | a plan | running |
/// | pending | no plan | failed |
/// | running | the last step succeeds | completed |
/// | running | the budget or the time is over | failed |
/// | running | pause, or a step that no recovery helps | paused |
/// | paused | resume | running |
/// | paused | it was paused for too long | failed |
/// | pending, running, paused | cancel | cancelled |
///
/// The transitions take the time as an argument and do no I/O. Every transaction that makes one, or changes steps, has
/// locked the organisation's agents first (``WorkflowRunner/lock(_:in:)``): they follow each other.
struct Workflow: Sendable {
    enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case pending, running, paused, completed, failed, cancelled

        var isFinished: Bool { self == .completed || self == .failed || self == .cancelled }
    }

    /// Why a workflow is paused.
    enum Pause: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case requested
        /// A step has failed, and no recovery helps: a person decides.
        case escalated
    }

    /// Whether the credit and the unit of the quota, which the submission has reserved, were spent.
    enum Settlement: String, Sendable, CaseIterable, SQLBindable, SQLReadable {
        /// A workflow within another one is paid for with that one.
        case none
        case held, committed, released
    }

    let id: ID<Workflow>
    let organisation: ID<Organisation>
    let person: ID<Person>
    /// Under which it was submitted: its costs count there.
    let plan: Plan.ID
    /// Which tools a client's own graph may use; as the plan was at the submission.
    let trust: TrustLevel
    let intent: String
    let priority: WorkflowPriority
    /// The step that has started this workflow; nil for one that was submitted.
    let parentStep: ID<WorkflowStep>?
    /// The submitted workflow that this one belongs to, or itself.
    let root: ID<Workflow>
    let depth: Int64
    let budget: MicroDollars
    let operation: String
    let fingerprint: String
    let creditHold: ID<CreditHold>?
    let reservation: ID<Reservation>?
    /// The credits that were left after the submission; nil where a subscription covers it.
    let creditsLeft: Int64?
    let createdAt: Instant

    private(set) var state: State
    private(set) var pause: Pause?
    private(set) var settlement: Settlement
    private(set) var planner: PlannerKind?
    private(set) var estimatedCost: MicroDollars
    private(set) var estimatedSeconds: Double
    private(set) var cost: MicroDollars
    /// The part of it that the plan has cost.
    private(set) var planningCost: MicroDollars
    /// What the steps that run may cost; before there are any, what a language model may cost that plans them.
    private(set) var reservedCost: MicroDollars
    /// The sum over the steps that have succeeded.
    private(set) var confidenceSum: Double
    private(set) var stepsTotal: Int64
    private(set) var stepsCompleted: Int64
    private(set) var stepsFailed: Int64
    /// Of the outputs of all steps of the submission; 0 for a workflow within another one.
    private(set) var outputBytes: Int64
    private(set) var error: WorkflowError?
    private(set) var startedAt: Instant?
    private(set) var pausedAt: Instant?
    /// When its owner had the last e-mail about a pause.
    private(set) var pauseMailedAt: Instant?
    private(set) var finishedAt: Instant?
    /// When a running workflow fails; it moves on by the time of a pause.
    private(set) var deadlineAt: Instant?

    /// The time that a workflow may take from its plan to its end, pauses excluded.
    static let timeMax = Duration.hours(24)
    /// How long a workflow stays paused before it fails.
    static let pauseMax = Duration.days(7)
    /// Between two e-mails about pauses of one workflow, which may be resumed and pause again at once.
    static let pauseMailInterval = Duration.hours(1)
    /// Of the outputs of all steps of a submission, in bytes of UTF-8.
    static let outputBytesMax: Int64 = 32 << 20
    /// Finished workflows are deleted after this time.
    static let retention = Duration.days(90)

    /// The mean over the steps that have succeeded; nil before the first.
    var confidence: Double? { stepsCompleted == 0 ? nil : confidenceSum / Double(stepsCompleted) }

    /// From the plan to the end, with pauses; nil before the end, and for one that had no plan.
    var actualSeconds: Double? {
        guard let startedAt, let finishedAt else { return nil }
        return (finishedAt - startedAt).inSeconds
    }
}

extension Workflow {
    /// A new workflow.
    init(_ new: NewWorkflow, at now: Instant) {
        id = new.id
        organisation = new.organisation
        person = new.person
        plan = new.plan
        trust = new.trust
        intent = new.intent
        priority = new.priority
        parentStep = new.parent?.step
        root = new.parent?.workflow.root ?? new.id
        depth = (new.parent?.workflow.depth ?? -1) + 1
        budget = new.budget
        operation = new.operation
        fingerprint = new.fingerprint
        creditHold = new.creditHold
        reservation = new.reservation
        creditsLeft = new.creditsLeft
        createdAt = now
        state = .pending
        settlement = new.reservation == nil ? .none : .held
        estimatedCost = new.estimate.cost
        estimatedSeconds = new.estimate.seconds
        cost = .zero
        planningCost = .zero
        reservedCost = .zero
        confidenceSum = 0
        stepsTotal = 0
        stepsCompleted = 0
        stepsFailed = 0
        outputBytes = 0
    }

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        plan = try row["plan"]
        trust = TrustLevel(rawValue: try row["trust"]) ?? .standard
        intent = try row["intent"]
        priority = try row["priority"]
        parentStep = try row["parent_step_id"]
        root = try row["root_id"]
        depth = try row["depth"]
        budget = MicroDollars(try row["budget"])
        operation = try row["operation_key"]
        fingerprint = try row["fingerprint"]
        creditHold = try row["credit_hold_id"]
        reservation = try row["reservation_id"]
        creditsLeft = try row["credits_left"]
        createdAt = try row["created_at"]
        state = try row["state"]
        pause = try row["pause"]
        settlement = try row["settlement"]
        planner = try row["planner"]
        estimatedCost = MicroDollars(try row["estimated_cost"])
        estimatedSeconds = try row["estimated_seconds"]
        cost = MicroDollars(try row["cost"])
        planningCost = MicroDollars(try row["planning_cost"])
        reservedCost = MicroDollars(try row["reserved_cost"])
        confidenceSum = try row["confidence_sum"]
        stepsTotal = try row["steps_total"]
        stepsCompleted = try row["steps_completed"]
        stepsFailed = try row["steps_failed"]
        outputBytes = try row["output_bytes"]
        let code: WorkflowError.Code? = try row["error_code"]
        let text: String? = try row["error"]
        error = code.map { WorkflowError($0, text ?? "") }
        startedAt = try row["started_at"]
        pausedAt = try row["paused_at"]
        pauseMailedAt = try row["pause_mailed_at"]
        finishedAt = try row["finished_at"]
        deadlineAt = try row["deadline_at"]
    }
}

// MARK: Transitions

extension Workflow {
    /// A model is about to be asked for a plan; nothing changes for a workflow that has one.
    /// - Returns: false where the budget does not allow it, and nothing has changed.
    mutating func reservePlan(_ cost: MicroDollars) -> Bool {
        guard state == .pending else { return true }
        guard self.cost + cost <= budget else { return false }
        reservedCost = cost
        return true
    }

    /// Models were asked for a plan.
    mutating func spendOnPlan(_ cost: MicroDollars) {
        self.cost = self.cost + cost
        planningCost = planningCost + cost
    }

    /// A plan was made.
    mutating func start(by planner: PlannerKind, steps: Int, estimate: PlanEstimate, at now: Instant) throws(Problem) {
        try require(.pending)
        state = .running
        reservedCost = .zero
        self.planner = planner
        stepsTotal = Int64(steps)
        estimatedCost = estimate.cost
        estimatedSeconds = estimate.seconds
        startedAt = now
        deadlineAt = now + Self.timeMax
    }

    /// A step runs: what it may cost is reserved.
    /// - Returns: false where the budget does not allow it, and nothing has changed.
    mutating func reserve(_ estimate: MicroDollars) -> Bool {
        guard cost + reservedCost + estimate <= budget else { return false }
        reservedCost = reservedCost + estimate
        return true
    }

    /// A step does not run any more.
    /// - Parameter actual: what it has cost.
    mutating func release(_ estimate: MicroDollars, actual: MicroDollars) {
        reservedCost = MicroDollars(max(0, reservedCost.micros - estimate.micros))
        cost = cost + actual
    }

    mutating func stepSucceeded(confidence: Double) {
        stepsCompleted += 1
        confidenceSum += confidence
    }

    mutating func stepFailed() { stepsFailed += 1 }

    /// The output of a step of the submission is stored.
    mutating func addOutput(_ output: NodeOutput) { outputBytes += Int64(output.text.utf8.count) }

    /// Whether another output of the submission may be stored.
    func hasRoom(for output: NodeOutput) -> Bool {
        outputBytes + Int64(output.text.utf8.count) <= Self.outputBytesMax
    }

    /// A failed step is tried again.
    mutating func stepRevived() { stepsFailed -= 1 }

    mutating func complete(at now: Instant) throws(Problem) {
        try require(.running)
        state = .completed
        finish(at: now)
    }

    mutating func fail(_ error: WorkflowError, at now: Instant) throws(Problem) {
        try require(.pending, .running, .paused)
        state = .failed
        self.error = error
        finish(at: now)
    }

    mutating func pause(_ reason: Pause, at now: Instant) throws(Problem) {
        try require(.running)
        state = .paused
        pause = reason
        pausedAt = now
    }

    /// Whether a pause is to be told by e-mail; it is counted as told then.
    mutating func takePauseMail(at now: Instant) -> Bool {
        // A time that is still to come is that of a clock that was set back.
        if let pauseMailedAt, pauseMailedAt <= now, now < pauseMailedAt + Self.pauseMailInterval { return false }
        pauseMailedAt = now
        return true
    }

    mutating func resume(at now: Instant) throws(Problem) {
        try require(.paused)
        state = .running
        if let pausedAt, let deadlineAt { self.deadlineAt = deadlineAt + max(.zero, now - pausedAt) }
        pause = nil
        pausedAt = nil
    }

    mutating func cancel(at now: Instant) throws(Problem) {
        try require(.pending, .running, .paused)
        state = .cancelled
        finish(at: now)
    }

    /// - Returns: false where it was settled before.
    mutating func settle(_ settlement: Settlement) -> Bool {
        guard self.settlement == .held else { return false }
        self.settlement = settlement
        return true
    }

    private mutating func finish(at now: Instant) {
        finishedAt = now
        pause = nil
        pausedAt = nil
        deadlineAt = nil
        reservedCost = .zero
    }

    /// - Throws: `workflow-state-conflict` for a workflow in another state.
    private func require(_ allowed: State...) throws(Problem) {
        guard !allowed.contains(state) else { return }
        throw Problem(
            .workflowStateConflict,
            detail: "The workflow is \(state.rawValue); it would have to be "
                + "\(allowed.map(\.rawValue).joined(separator: " or ")).",
            members: ["workflow_status": .string(state.rawValue)])
    }
}

/// What a planner expects of a graph.
struct PlanEstimate: Sendable, Hashable {
    var cost: MicroDollars
    /// Of the longest chain of steps.
    var seconds: Double

    /// Of an intent that has no plan yet.
    static let unknown = PlanEstimate(cost: MicroDollars(150_000), seconds: 45)
}

/// A workflow to insert.
struct NewWorkflow: Sendable {
    struct Parent: Sendable {
        let workflow: Workflow
        let step: ID<WorkflowStep>
    }

    let id: ID<Workflow>
    let organisation: ID<Organisation>
    let person: ID<Person>
    let plan: Plan.ID
    /// Workflows within others are planned from sentences, which never run commands.
    var trust = TrustLevel.standard
    let intent: String
    var priority = WorkflowPriority.normal
    var budget: MicroDollars
    let operation: String
    let fingerprint: String
    var creditHold: ID<CreditHold>?
    var reservation: ID<Reservation>?
    var creditsLeft: Int64?
    var estimate = PlanEstimate.unknown
    var parent: Parent?
    /// The client's own graph, as JSON.
    var graph: String?
}

enum WorkflowPriority: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
    case low, normal, high, critical

    /// Lower runs first.
    var rank: Int64 {
        switch self {
        case .critical: 0
        case .high: 1
        case .normal: 2
        case .low: 3
        }
    }
}

/// Who has made a plan.
enum PlannerKind: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
    case rules, model
    /// The client has sent the graph.
    case client
}

/// Why a workflow has failed.
struct WorkflowError: Sendable, Hashable {
    enum Code: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case intentNotUnderstood = "intent-not-understood"
        case planRefused = "plan-refused"
        case planningFailed = "planning-failed"
        case budgetExceeded = "budget-exceeded"
        case deadlineExceeded = "deadline-exceeded"
        case pausedTooLong = "paused-too-long"
        case approvalDenied = "approval-denied"
    }

    let code: Code
    /// Sentences for the user.
    let text: String

    static let textMax = 2_000

    init(_ code: Code, _ text: String) {
        self.code = code
        self.text = String(text.prefix(Self.textMax)).replacingNUL
    }
}
