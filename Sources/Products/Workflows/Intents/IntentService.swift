import Entitlements
import GoalGraphs
import Identity
import Modules
import Secrets

/// Accepts intents: one transaction reserves the credit and the unit of the quota, and inserts the workflow, its first
/// event and the job that plans it.
final class IntentService: Sendable {
    private let database: any Database
    private let runner: WorkflowRunner
    private let planning: PlanningService
    private let credits: CreditService
    private let quotas: QuotaService
    private let charges: UnattendedCharges
    private let settings: WorkflowsSettings
    private let runtime: Runtime

    init(
        database: any Database, runner: WorkflowRunner, planning: PlanningService, credits: CreditService,
        quotas: QuotaService, charges: UnattendedCharges, settings: WorkflowsSettings, runtime: Runtime
    ) {
        self.database = database
        self.runner = runner
        self.planning = planning
        self.credits = credits
        self.quotas = quotas
        self.charges = charges
        self.settings = settings
        self.runtime = runtime
    }

    /// - Parameter key: the `Idempotency-Key` header. A person's repeated key with the same body returns the earlier
    ///   workflow.
    /// - Throws: `validation-failed`; `credits-exhausted`, `quota-exceeded` where another request took the last unit;
    ///   `operation-conflict`; `not-found` where the person is no longer a member.
    func submit(_ request: SubmitIntent, scope: Scope, credit: CreditCharge, charge: Charge, key: String?)
        async throws(Problem) -> Accepted<IntentAccepted>
    {
        let submission = try submission(of: request, trust: charge.plan.trust)
        return try await submit(submission, scope: scope, credit: credit, charge: charge, key: key)
    }

    /// Submits the intent of a workflow that has failed or was cancelled as a new one, which takes a credit and a unit
    /// like any other.
    /// - Throws: `workflow-not-found`, `workflow-access-denied`, `workflow-state-conflict`; as
    ///   ``submit(_:scope:credit:charge:key:)``.
    func retry(_ id: ID<Workflow>, scope: Scope, credit: CreditCharge, charge: Charge, key: String?)
        async throws(Problem) -> Accepted<IntentAccepted>
    {
        let (workflow, context, graph) = try await database.read { transaction in
            let workflow = try transaction.workflow(id, in: scope)
            guard workflow.state == .failed || workflow.state == .cancelled, workflow.depth == 0 else {
                throw Problem(
                    .workflowStateConflict, detail: "A workflow that has failed or was cancelled is tried again.",
                    members: ["workflow_status": .string(workflow.state.rawValue)])
            }
            return (workflow, try transaction.context(of: workflow) ?? "{}", try transaction.graph(of: workflow))
        }
        let submission = submission(
            workflow.intent, context: context, graph: graph, priority: workflow.priority, budget: workflow.budget,
            retryOf: id)
        return try await submit(submission, scope: scope, credit: credit, charge: charge, key: key)
    }

    /// What a schedule repeats.
    func submission(of schedule: WorkflowSchedule) -> Submission {
        submission(
            schedule.intent, context: "{}", graph: schedule.graph, priority: .normal, budget: settings.budgetMax)
    }

    /// Submits what a schedule repeats, in the transaction that records its tick and has locked the agents.
    /// - Throws: `subscription-required`, `credits-exhausted`, `quota-exceeded`.
    func submit(
        _ submission: Submission, of schedule: WorkflowSchedule, tick: Instant, in transaction: Transaction
    ) throws -> Workflow {
        try insert(
            submission, as: runtime.id(), of: schedule.person, in: schedule.organisation, by: nil,
            credit: try charges.credits(1, of: schedule.organisation, in: transaction),
            charge: try charges.units(1, of: .workflows, in: schedule.organisation, transaction),
            operation: "schedule:\(schedule.id):\(tick.microseconds)", in: transaction)
    }

    struct Submission: Sendable {
        fileprivate let intent: String
        fileprivate let context: String
        fileprivate let graph: String?
        fileprivate let priority: WorkflowPriority
        fileprivate let budget: MicroDollars
        fileprivate let retryOf: ID<Workflow>?
        /// Made before the transaction, which would wait for it.
        fileprivate let estimate: PlanEstimate

        fileprivate var fingerprint: String {
            Digest.hex(
                [intent, context, graph ?? "", priority.rawValue, "\(budget.micros)", retryOf?.text ?? ""]
                    .map { "\($0.utf8.count):\($0)" }.joined())
        }
    }

    private func submission(
        _ intent: String, context: String, graph: String?, priority: WorkflowPriority, budget: MicroDollars,
        retryOf: ID<Workflow>? = nil
    ) -> Submission {
        let request = PlanRequest(intent: intent, context: context, budget: budget)
        return Submission(
            intent: intent, context: context, graph: graph, priority: priority, budget: budget, retryOf: retryOf,
            estimate: planning.estimate(request, graph: graph))
    }

    private func submit(
        _ submission: Submission, scope: Scope, credit: CreditCharge, charge: Charge, key: String?
    ) async throws(Problem) -> Accepted<IntentAccepted> {
        let id: ID<Workflow> = runtime.id()
        let workflow = try await database.write { [self] transaction -> Workflow in
            // Work that begins while its person is removed would outlast the membership.
            try transaction.authority(of: scope, OrganisationRole.allCases)
            try runner.lock(scope.organisation, in: transaction)
            return try insert(
                submission, as: id, of: scope.person, in: scope.organisation, by: scope, credit: credit,
                charge: charge, operation: Self.operation(key: key ?? id.text, of: scope.person), in: transaction)
        }
        return Accepted(IntentAccepted(workflow), follow: "/v1/workflows/\(workflow.id)")
    }

    /// The operation of a client's key: its person's own, and never that of a schedule. Rows that keep it outlast an
    /// erasure, hence without the id of the person.
    private static func operation(key: String, of person: ID<Person>) -> String {
        "client:\(Digest.hex("\(person) \(key)"))"
    }

    /// - Parameter operation: unique among the submissions of the organisation, by its kind.
    /// - Returns: the earlier workflow of a repeated operation.
    private func insert(
        _ submission: Submission, as id: ID<Workflow>, of person: ID<Person>, in organisation: ID<Organisation>,
        by scope: Scope?, credit: CreditCharge, charge: Charge, operation: String, in transaction: Transaction
    ) throws -> Workflow {
        let fingerprint = submission.fingerprint
        if let earlier = try transaction.workflow(ofOperation: operation, in: organisation) {
            guard earlier.fingerprint == fingerprint else { throw Problem(.operationConflict) }
            return earlier
        }
        let terms = Reservation.Terms(onExpiry: .resolve(WorkflowSettlement.resolver))
        let creditClaim = credits.claim(credit, operation: credit.operation(key: operation), fingerprint: fingerprint)
        let quotaClaim = quotas.claim(
            charge, operation: charge.operation(key: operation), fingerprint: fingerprint, terms: terms)
        let taken = try [creditClaim, quotaClaim].compactMap { $0 }.takeAll(in: transaction)
        var new = NewWorkflow(
            id: id, organisation: organisation, person: person, plan: charge.plan.id, trust: charge.plan.trust,
            intent: submission.intent, priority: submission.priority, budget: submission.budget, operation: operation,
            fingerprint: fingerprint)
        new.creditHold = creditClaim == nil ? nil : taken.first.map { ID(trusted: $0) }
        new.reservation = taken.last.map { ID(trusted: $0) }
        new.graph = submission.graph
        new.estimate = submission.estimate
        if creditClaim != nil {
            new.creditsLeft = try credits.balance(of: organisation, in: transaction).available
        }
        return try runner.insert(new, context: submission.context, by: scope, in: transaction)
    }

    /// - Throws: `validation-failed`.
    private func submission(of request: SubmitIntent, trust: TrustLevel) throws(Problem) -> Submission {
        guard request.intent.contains(where: { !$0.isWhitespace }) else {
            throw Problem.invalid("/intent", "is empty")
        }
        guard !request.intent.hasNUL else {
            throw Problem.invalid("/intent", "contains the character NUL")
        }
        let budget = try budget(of: request)
        let context = try Problem.rethrowing { try JSONColumn.encode(request.context ?? [:]) }
        guard context.utf8.count <= SubmitIntent.contextBytesMax else {
            throw Problem.invalid("/context", "has more than \(SubmitIntent.contextBytesMax) bytes")
        }
        let faults = PlanRequest.faults(inContext: request.context ?? [:])
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        return submission(
            request.intent, context: context, graph: try graph(of: request, budget: budget, trust: trust),
            priority: request.priority ?? .normal, budget: budget)
    }

    private func budget(of request: SubmitIntent) throws(Problem) -> MicroDollars {
        guard let wanted = request.budget else { return settings.budgetMax }
        guard let micros = wanted.units(fractionDigits: 6), (0...settings.budgetMax.micros).contains(micros) else {
            throw Problem.invalid(
                "/budget", "must be 0 to \(settings.budgetMax.dollars) US dollars with at most six decimals")
        }
        return MicroDollars(micros)
    }

    private func graph(of request: SubmitIntent, budget: MicroDollars, trust: TrustLevel) throws(Problem) -> String? {
        guard let value = request.goalGraph, value != .null else { return nil }
        let limits = PlanRequest(intent: "", context: "{}", budget: budget).limits.trusting(trust)
        let graph = try planning.graph(from: value, at: "/goal_graph", limits: limits)
        let text = try Problem.rethrowing { try JSONColumn.encode(graph) }
        guard text.utf8.count <= SubmitIntent.contextBytesMax, !text.contains("\\u0000") else {
            throw Problem.invalid("/goal_graph", "has more than \(SubmitIntent.contextBytesMax) bytes, or a NUL")
        }
        return text
    }
}
