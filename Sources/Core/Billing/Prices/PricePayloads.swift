import Entitlements
import Modules

/// What a plan costs for one cycle.
struct PlanPriceView: Payload {
    var amount: DecimalNumber
    var amountMinor: Int64
    var currency: String

    init(_ price: Price) {
        amount = price.amount.major
        amountMinor = price.amount.minorUnits
        currency = price.amount.currency.code
    }
}

/// A plan in a list of prices, as clients of workflows know it.
struct PricingTier: Payload {
    /// The plan's id.
    var tier: String
    var name: String
    var start: Plan.Start
    /// Absent for a plan that costs nothing, and for one whose price is agreed.
    var monthly: PlanPriceView?
    var annual: PlanPriceView?
    var recommended: Bool
    var trialDays: Int64?
    /// −1 is unlimited; 0 where the plan has none.
    var workflowsPerMonth: Limit
    var agents: Limit
    var features: [String]

    init(_ plan: Plan, region: String) {
        let prices = plan.prices(in: region)
        tier = plan.id.text
        name = plan.name
        start = plan.start
        monthly = prices.first { $0.cycle == .monthly }.map(PlanPriceView.init)
        annual = prices.first { $0.cycle == .yearly }.map(PlanPriceView.init)
        recommended = plan.isRecommended
        trialDays = plan.trial?.days
        workflowsPerMonth = plan.limits["workflows"] ?? .upTo(0)
        agents = plan.concurrency(of: "agents")
        features = plan.features.sorted()
    }
}

struct PriceList: Payload {
    struct TaxView: Payload {
        var name: String
        var percent: DecimalNumber
        /// Whether the prices contain it; otherwise it is added to them.
        var inclusive: Bool
    }

    /// The country that was asked for.
    var region: String?
    /// The plans with all prices, or with those of the country.
    var plans: [PlanView]
    /// The same plans with one price for each cycle: that of the country, or the general one.
    var tiers: [PricingTier]
    /// How a buyer of the country can pay here.
    var paymentMethods: [PayingMethod]
    /// The taxes on sales to the country.
    var taxes: [TaxView]

    var listTotal: Int64? { Int64(plans.count) }

    init(_ plans: [Plan], region: String?, taxes: [TaxRate], paymentMethods: [PayingMethod]) {
        self.region = region
        self.plans = plans.map { PlanView($0, region: region) }
        tiers = plans.map { PricingTier($0, region: region ?? "") }
        self.paymentMethods = paymentMethods
        self.taxes = taxes.map { TaxView(name: $0.name, percent: $0.percent, inclusive: $0.isInclusive) }
    }
}
