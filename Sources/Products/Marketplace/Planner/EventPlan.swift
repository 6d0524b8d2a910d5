import Modules

/// A plan of an event, as the planner's clients read it.
struct EventPlan: Payload {
    /// Who has made it.
    enum Source: String, Codable, Sendable, CaseIterable { case model, fallback }

    struct PlanIndicators: Codable, Sendable {
        var totalCost: DecimalNumber
        var totalCostMinor: Int64
        /// Rounded down; nil without guests.
        var costPerAttendee: DecimalNumber?
        var costPerAttendeeMinor: Int64?
        var currency: String
        var confidencePct: Int64
    }

    struct PlanSpace: Codable, Sendable {
        var tables: Int64
        var seatsPerTable: Int64
        var zones: [String]
    }

    struct PlanStep: Codable, Sendable {
        /// Such as `8 weeks before` or `18:00`.
        var time: String
        var title: String
    }

    struct PlanPart: Codable, Sendable {
        var category: String
        var percent: DecimalNumber
        var amount: DecimalNumber
        var amountMinor: Int64
    }

    struct PlanBudget: Codable, Sendable {
        var total: DecimalNumber
        var totalMinor: Int64
        var currency: String
        var breakdown: [PlanPart]
        var tradeoffNote: String
    }

    var blueprintId: ID<EventPlan>
    var title: String
    var summary: String
    var kpis: PlanIndicators
    var spacePlan: PlanSpace
    var timeline: [PlanStep]
    var budget: PlanBudget
    var status: String
    var source: Source

    static let naming = Naming.asDeclared

    static let seatsPerTable: Int64 = 8

    /// A plan whose amounts are computed here, whether a model or fixed rules have made its texts.
    init(
        id: ID<EventPlan>, _ draft: PlanDraft, source: Source, confidence: Int64, guests: Int64, budget total: Money
    ) {
        blueprintId = id
        title = draft.title
        summary = draft.summary
        status = "draft"
        self.source = source
        let each = guests > 0 ? Money(total.minorUnits / guests, total.currency) : nil
        kpis = PlanIndicators(
            totalCost: total.major, totalCostMinor: total.minorUnits, costPerAttendee: each?.major,
            costPerAttendeeMinor: each?.minorUnits, currency: total.currency.code, confidencePct: confidence)
        spacePlan = PlanSpace(
            tables: (guests + Self.seatsPerTable - 1) / Self.seatsPerTable, seatsPerTable: Self.seatsPerTable,
            zones: draft.zones)
        timeline = draft.timeline.map { PlanStep(time: $0.time, title: $0.title) }
        let sum = draft.shares.reduce(0) { $0 + $1.weight }
        let parts = zip(draft.shares, BudgetSplit.parts(of: total, by: draft.shares)).map { share, amount in
            PlanPart(
                category: share.category, percent: DecimalNumber(share.weight * 10_000 / sum, fractionDigits: 2),
                amount: amount.major, amountMinor: amount.minorUnits)
        }
        budget = PlanBudget(
            total: total.major, totalMinor: total.minorUnits, currency: total.currency.code, breakdown: parts,
            tradeoffNote: draft.note)
    }
}

/// The texts and the shares of a plan.
struct PlanDraft: Sendable {
    let title: String
    let summary: String
    let zones: [String]
    let timeline: [(time: String, title: String)]
    let shares: [BudgetSplit.Share]
    let note: String

    /// The plan without a model: the usual split of a budget, and the usual steps. It says what it is.
    static func fallback(for brief: DraftBrief) -> PlanDraft {
        let kind = brief.eventType.flatMap { $0.isEmpty ? nil : $0 } ?? "Event"
        let place = brief.city.flatMap { $0.isEmpty ? nil : " in \($0)" } ?? ""
        return PlanDraft(
            title: "\(kind)\(place)",
            summary: "A standard plan by fixed rules, made without a language model: the usual split of the budget "
                + "and the usual steps.",
            zones: ["Reception", "Dining", "Stage"],
            timeline: [
                ("8 weeks before", "Book the venue"), ("6 weeks before", "Book catering and entertainment"),
                ("4 weeks before", "Send the invitations"), ("1 week before", "Confirm the number of guests"),
                ("On the day", "Set up, welcome the guests, dinner, programme"),
            ],
            shares: BudgetSplit.fallback,
            note: "A smaller venue leaves more for catering and entertainment.")
    }
}
