import HTTPTypes
import Identity
import Modules

extension EntitlementsModule {
    /// What is used, telling of use from elsewhere, and taking it along.
    var usageRoutes: [Route] {
        [
            .get(
                "payments/usage",
                "What is used and what is left in this period, with the words of workflows",
                requires: identity.member.allowing(.entitlementsCheck), subscription
            ) { _, standing in PaymentsUsage(standing, meters: usage.meters) },
            .get(
                "payments/usage/{user_id}",
                "What an account has used and has left in this period",
                requires: identity.role(.admin), .path("user_id", of: Person.self),
                problems: [.noActiveSubscription]
            ) { _, person in PaymentsUsage(try await usage.standing(of: person), meters: usage.meters) },
            .post(
                "usage/events",
                "Tell of use that was counted elsewhere, one event or up to \(UsageReport.countMax)",
                requires: identity.member.allowing(.usageWrite),
                UsageBackfill(right: identity.organisation(.owner, .admin).allowing(.usageBackfill)),
                problems: [.noActiveSubscription, .unknownMeter, .usageInFuture, .usageTooOld, .usageConflict]
            ) { (report: UsageReport, scope, mayBackfill) in
                try UsageAnswer(
                    try await usage.record(report, mayBackfill: mayBackfill, scope: scope), isSingle: report.isSingle)
            }
            .guarded(by: rate(.checks)),
            .get(
                "usage/series",
                "Use by hour or by day",
                requires: identity.member.allowing(.entitlementsCheck), .query("meter", required: 64),
                .query("from", of: Instant.self),
                .query("to", of: Instant.self), .query("by", oneOf: UsageSeries.Step.allCases.map(\.rawValue))
            ) { scope, meter, from, to, by in
                try await usage.series(
                    of: meter, from: from, to: to, by: by.flatMap(UsageSeries.Step.init(rawValue:)) ?? .day,
                    scope: scope)
            },
            .get(
                "usage/export.csv",
                "Everything that was counted, as CSV",
                requires: identity.member.allowing(.entitlementsCheck), .query("meter", upTo: 64),
                .query("from", of: Instant.self),
                .query("to", of: Instant.self)
            ) { scope, meter, from, to in try await usage.export(meter: meter, from: from, to: to, scope: scope) },
        ]
    }
}

/// Whether a caller may tell of use that lies far back: owners and administrators of the organisation, and their keys where they have the scope.
struct UsageBackfill: Requirement {
    let right: OrganisationRoleRequirement

    var phase: RequestPhase { .account }
    var problems: [Problem.Kind] { [] }
    var summary: RequirementSummary { 
        RequirementSummary(.right, KeyScope.usageBackfill.name, isRequired: false)
    }

    func check(_ call: Request) async throws(Problem) -> Bool { try await right.isMet(by: call) }
}

/// What became of an event.
struct UsageReceipt: Payload {
    enum Outcome: String, Codable, CaseIterable, Sendable { case accepted, duplicate, conflict, refused }

    var id: String
    var outcome: Outcome
    /// Where it was not counted: why, as a problem's code and in words.
    var code: String?
    var detail: String?
    /// The period that it is counted in.
    var periodStart: Instant?
    /// The closed period that it happened in, where the present one took it as an adjustment.
    var adjustsPeriodStart: Instant?
    /// Whether it went over the limit; it is counted all the same.
    var isOverrun: Bool?

    init(_ fate: UsageOutcome) {
        id = fate.id
        switch fate.outcome {
        case .counted(let recorded, let isNew):
            outcome = isNew ? .accepted : .duplicate
            periodStart = recorded.periodStart
            adjustsPeriodStart = recorded.adjusts
            isOverrun = recorded.isOverrun
        case .refused(let problem):
            outcome = problem.kind == .usageConflict ? .conflict : .refused
            code = problem.kind.code
            detail = problem.detail
        }
    }
}

struct UsageReceipts: Payload {
    var accepted: Int
    var duplicates: Int
    /// Conflicts and refusals.
    var refused: Int
    /// In the order of the events.
    var results: [UsageReceipt]
}

/// One event is answered like any other request, many with the fate of each.
enum UsageAnswer: ResponseConvertible {
    case one(UsageReceipt)
    case many(UsageReceipts)

    static var documented: [DocumentedResponse] {
        [
            DocumentedResponse(201, "The event is counted", mediaType: "application/json", payload: UsageReceipt.self),
            DocumentedResponse(
                200, "All are counted, now or before", mediaType: "application/json", payload: UsageReceipts.self),
            DocumentedResponse(
                200, "The event was counted before", mediaType: "application/json", payload: UsageReceipt.self),
            DocumentedResponse(
                207, "Some are not counted, and the answer says why", mediaType: "application/json",
                payload: UsageReceipts.self),
        ]
    }

    /// - Throws: the problem of a single event.
    init(_ fates: [UsageOutcome], isSingle: Bool) throws(Problem) {
        if isSingle, let fate = fates.first {
            if case .refused(let problem) = fate.outcome { throw problem }
            self = .one(UsageReceipt(fate))
            return
        }
        let receipts = fates.map { UsageReceipt($0) }
        func count(_ outcomes: UsageReceipt.Outcome...) -> Int { receipts.count { outcomes.contains($0.outcome) } }
        self = .many(
            UsageReceipts(
                accepted: count(.accepted), duplicates: count(.duplicate), refused: count(.conflict, .refused),
                results: receipts))
    }

    func response() throws(Problem) -> Response {
        switch self {
        case .one(let receipt):
            var response = try receipt.response()
            if receipt.outcome == .accepted { response.status = .created }
            return response
        case .many(let receipts):
            var response = try receipts.response()
            if receipts.refused > 0 { response.status = HTTPResponse.Status(code: 207, reasonPhrase: "Multi-Status") }
            return response
        }
    }
}

/// What is used and left, also in the words that clients of workflows read.
struct PaymentsUsage: Payload {
    var plan: String
    var subscriptionTier: String
    var billingCycle: Cycle
    var periodStart: Instant
    var resetsAt: Instant
    var workflowsLimit: Limit
    var workflowsUsed: Int64
    /// −1 where there is no limit.
    var workflowsRemaining: Int64
    var canCreateWorkflow: Bool
    var agentsLimit: Limit
    var meters: [String: UsageView.MeterView]
    var storage: UsageView.MeterView
    /// How many of something may live at once.
    var concurrency: [String: Limit]

    init(_ standing: EntitlementSnapshot, meters: [Meter]) {
        let view = UsageView(standing, meters: meters)
        let workflows = Meter("workflows", title: "Workflow")
        let (limit, level) = (standing.plan.limit(of: workflows), standing.level(of: workflows))
        plan = view.plan
        subscriptionTier = standing.plan.id.text
        billingCycle = standing.subscription.cycle
        periodStart = view.periodStart
        resetsAt = view.resetsAt
        workflowsLimit = limit
        workflowsUsed = level.used
        workflowsRemaining = level.remaining(of: limit)
        canCreateWorkflow = limit.allows(level.used + level.held + 1)
        agentsLimit = standing.plan.concurrency(of: "agents")
        self.meters = view.meters
        storage = view.storage
        concurrency = standing.plan.concurrency
    }
}

extension UsageService {
    /// - Throws: `not-found` for an account that does not exist; `no-active-subscription`.
    func standing(of person: ID<Person>) async throws(Problem) -> EntitlementSnapshot {
        try await database.read { transaction in
            guard let organisation = try transaction.personalOrganisation(of: person) else { throw Problem(.notFound) }
            guard let standing = try plans.standing(of: organisation, in: transaction) else {
                throw Problem(.noActiveSubscription)
            }
            return standing
        }
    }
}
