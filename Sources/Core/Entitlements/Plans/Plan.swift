package import Modules
package import Rates

/// A plan that organisations subscribe to: features, limits per period, prices and sizes.
package struct Plan: Sendable, Hashable {
    package struct ID: Sendable, Hashable, SQLBindable, SQLReadable {
        package let text: String
        package init(_ text: String) { self.text = text }
        package var sqlValue: SQL.Value { .text(text) }
        package init?(sqlValue: SQL.Value) {
            guard let text = String(sqlValue: sqlValue) else { return nil }
            self.init(text)
        }

        package static let trial = ID("trial")
        /// The plan that applies when payments have failed for longer than the grace period.
        package static let reduced = ID("free")
    }

    /// How a subscription to the plan is started.
    package enum Start: String, Sendable, Codable, CaseIterable {
        /// By any signed-in account, without payment.
        case anyone
        /// As a trial, once per person, after the e-mail address is verified.
        case trial
        /// By payment.
        case payment
        /// By an administrator.
        case administrator
    }

    package let id: ID
    /// The display name.
    package let name: String
    package let start: Start
    /// Empty for a plan without payment, and where they are at the provider alone (``hasProviderPrices``).
    package var prices: [Price]
    /// Whether the installation names its prices at the payment provider (`STRIPE_PRICE_…`), which tells the amounts.
    package var hasProviderPrices = false
    package let features: Set<String>
    /// Units per month of the subscription, by meter.
    package let limits: [String: Limit]
    /// How many rows of some work may be active at once, by the name of the work.
    package let concurrency: [String: Limit]
    /// The terms of the trial, where the plan is one.
    package let trial: TrialTerms?
    /// The largest single file, in bytes.
    package let fileBytes: Limit
    /// All files together, in bytes.
    package let storageBytes: Limit
    /// Rate limits per organisation, by class of requests.
    package var rates: [String: Rates] = [:]
    /// Whether lists of prices point to it.
    package var isRecommended = false

    /// Whether the plan is begun without payment, by the account itself: free or as a trial.
    package var needsNoPayment: Bool { start == .anyone || start == .trial }
    /// A meter that the plan does not list has the limit 0.
    package func limit(of meter: Meter) -> Limit { limits[meter.name] ?? .upTo(0) }
    /// The rates of the default class; ``Rates/ofNoPlan`` for a plan that does not list it.
    var defaultRates: Rates { rates[RateClass.default.name] ?? .ofNoPlan }
    package func includes(_ feature: Feature) -> Bool { features.contains(feature.name) }
    /// Work that the plan does not list has the limit 0.
    package func concurrency(of name: String) -> Limit { concurrency[name] ?? .upTo(0) }
}

/// What a plan costs for one cycle.
package struct Price: Sendable, Hashable {
    package let cycle: Cycle
    package let amount: Money
    /// An ISO 3166 code where the price is for one country; nil for all other countries.
    package let region: String?
    /// `price_…` of a price that was made at the provider, which contains all taxes; nil for one of the catalogue.
    package let providerID: String?

    package init(cycle: Cycle, amount: Money, region: String?, providerID: String? = nil) {
        self.cycle = cycle
        self.amount = amount
        self.region = region
        self.providerID = providerID
    }
}

/// The length of a trial, and the credits that it starts with.
package struct TrialTerms: Sendable, Hashable {
    package let days: Int64
    package let credits: Int64
}

extension Rates {
    /// For organisations without a plan where the file of plans says nothing, and for plans without rates.
    static let ofNoPlan = Rates(.perMinute(60), .perHour(1_000))
}
