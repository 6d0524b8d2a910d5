import HTTPTypes
import Modules

struct UsageView: Payload {
    struct MeterView: Payload {
        var limit: Limit
        var used: Int64
        /// Units reserved for work in progress.
        var held: Int64
        /// −1 where the limit is unlimited.
        var remaining: Int64
        /// When the count restarts; nil for storage, which is not counted per period.
        var resetsAt: Instant?
    }

    var plan: String
    var periodStart: Instant
    var resetsAt: Instant
    var meters: [String: MeterView]
    var storage: MeterView

    init(_ snapshot: EntitlementSnapshot, meters: [Meter]) {
        plan = snapshot.plan.name
        periodStart = snapshot.period.start
        resetsAt = snapshot.period.end
        func view(_ limit: Limit, _ level: Level, resetsAt: Instant? = nil) -> MeterView {
            MeterView(
                limit: limit, used: level.used, held: level.held, remaining: level.remaining(of: limit),
                resetsAt: resetsAt)
        }
        let end = snapshot.period.end
        self.meters = Dictionary(
            uniqueKeysWithValues: meters.map {
                ($0.name, view(snapshot.plan.limit(of: $0), snapshot.level(of: $0), resetsAt: end))
            })
        storage = view(snapshot.plan.storageBytes, snapshot.storage)
    }
}

/// Usage and remaining units, with the fields that clients of workflows read.
struct PaymentsUsage: Payload {
    var plan: String
    var subscriptionTier: String
    var billingCycle: Cycle
    var periodStart: Instant
    var resetsAt: Instant
    var workflowsLimit: Limit
    var workflowsUsed: Int64
    /// −1 where the limit is unlimited.
    var workflowsRemaining: Int64
    var canCreateWorkflow: Bool
    var agentsLimit: Limit
    var meters: [String: UsageView.MeterView]
    var storage: UsageView.MeterView
    /// How many of each kind of work may be active at once.
    var concurrency: [String: Limit]

    init(_ snapshot: EntitlementSnapshot, meters: [Meter]) {
        let view = UsageView(snapshot, meters: meters)
        let workflows = Meter("workflows", title: "Workflow")
        let (limit, level) = (snapshot.plan.limit(of: workflows), snapshot.level(of: workflows))
        plan = view.plan
        subscriptionTier = snapshot.plan.id.text
        billingCycle = snapshot.subscription.cycle
        periodStart = view.periodStart
        resetsAt = view.resetsAt
        workflowsLimit = limit
        workflowsUsed = level.used
        workflowsRemaining = level.remaining(of: limit)
        canCreateWorkflow = limit.allows(level.used + level.held + 1)
        agentsLimit = snapshot.plan.concurrency(of: "agents")
        self.meters = view.meters
        storage = view.storage
        concurrency = snapshot.plan.concurrency
    }
}

/// The outcome of an event that was reported.
struct UsageReceipt: Payload {
    enum Outcome: String, Codable, CaseIterable, Sendable { case accepted, duplicate, conflict, refused }

    var id: String
    var outcome: Outcome
    /// The problem code of an event that was not counted.
    var code: String?
    /// The problem detail of an event that was not counted.
    var detail: String?
    /// The period that counts the event.
    var periodStart: Instant?
    /// The closed period in which the usage occurred, where the current one counts it as an adjustment.
    var adjustsPeriodStart: Instant?
    /// Whether the event exceeds the limit; it is counted nevertheless.
    var isOverrun: Bool?

    init(_ event: UsageOutcome) {
        id = event.id
        switch event.result {
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

/// The response to one event is that of an ordinary request; the response to several lists the outcome of each.
enum UsageReportResponse: ResponseConvertible {
    case one(UsageReceipt)
    case many(UsageReceipts)

    static var documented: [DocumentedResponse] {
        [
            DocumentedResponse(201, "The event is counted", mediaType: "application/json", payload: UsageReceipt.self),
            DocumentedResponse(
                200, "All events are counted, now or before", mediaType: "application/json",
                payload: UsageReceipts.self),
            DocumentedResponse(
                200, "The event was counted before", mediaType: "application/json", payload: UsageReceipt.self),
            DocumentedResponse(
                207, "Some events are not counted, for the reasons given", mediaType: "application/json",
                payload: UsageReceipts.self),
        ]
    }

    /// - Throws: the problem of a single event.
    init(_ outcomes: [UsageOutcome], isSingle: Bool) throws(Problem) {
        if isSingle, let event = outcomes.first {
            if case .refused(let problem) = event.result { throw problem }
            self = .one(UsageReceipt(event))
            return
        }
        let receipts = outcomes.map { UsageReceipt($0) }
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
