package import Modules
package import Rates

/// What a customer buys: features, limits per period, prices and sizes.
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
        /// What is left to somebody whose payments failed for longer than their grace.
        package static let reduced = ID("free")
    }

    /// Who may start it.
    package enum Start: String, Sendable, Codable, CaseIterable {
        /// Anybody who is signed in, without payment.
        case anyone
        /// Somebody who has proved their address, once in their life.
        case trial
        /// Whoever pays.
        case payment
        /// An administrator.
        case administrator
    }

    package let id: ID
    /// As customers know it.
    package let name: String
    package let start: Start
    package let prices: [Price]
    package let features: Set<String>
    /// Units per month of the subscription, by meter.
    package let limits: [String: Limit]
    /// How many of something may live at once.
    package let concurrency: [String: Limit]
    /// What the plan gives for a while without payment.
    package let trial: TrialTerms?
    /// The largest single file, in bytes.
    package let fileBytes: Limit
    /// All files together, in bytes.
    package let storageBytes: Limit
    /// How fast an organisation on this plan may call, by class of calls.
    package var rates: [String: Rates] = [:]

    /// What the plan does not mention, it does not include.
    package func limit(of meter: Meter) -> Limit { limits[meter.name] ?? .upTo(0) }
    /// A class that the plan does not mention is limited like calls of no class; where it mentions none, by ``Rates/ofNoPlan``.
    package func rates(of rateClass: RateClass) -> Rates {
        rates[rateClass.name] ?? rates[RateClass.default.name] ?? .ofNoPlan
    }
    package func includes(_ feature: Feature) -> Bool { features.contains(feature.name) }
    /// How many of something may live at once; what the plan does not mention, it does not include.
    package func concurrency(of name: String) -> Limit { concurrency[name] ?? .upTo(0) }
}

/// What a plan costs for one cycle.
package struct Price: Sendable, Hashable {
    package let cycle: Cycle
    package let amount: Money
    /// An ISO 3166 code where the price is for one country alone; nil is everywhere else.
    package let region: String?
}

/// How often a subscription is paid for. Quotas are counted by the month in either case.
package enum Cycle: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
    case monthly, yearly

    package var months: Int64 {
        switch self {
        case .monthly: 1
        case .yearly: 12
        }
    }
}

/// A trial: how long it lasts, and the credits it begins with.
package struct TrialTerms: Sendable, Hashable {
    package let days: Int64
    package let credits: Int64
}

/// Something that is counted per period. Products name theirs: `extension Meter { static let uploads = … }`.
package struct Meter: Sendable, Hashable {
    /// As it stands in the catalogue and in answers, such as `training_runs`.
    package let name: String
    /// As it begins a sentence: "Training limit reached".
    package let title: String

    package init(_ name: String, title: String) {
        self.name = name
        self.title = title
    }
}

/// Something that a plan has or has not. Products name theirs.
package struct Feature: Sendable, Hashable {
    package let name: String
    package let title: String

    package init(_ name: String, title: String) {
        self.name = name
        self.title = title
    }
}

/// Calls that a plan limits together, such as those that are expensive. Products name theirs.
package struct RateClass: Sendable, Hashable {
    /// As it stands in the catalogue and in header fields, such as `generate`.
    package let name: String
    package init(_ name: String) { self.name = name }

    /// All calls that belong to no other class.
    package static let `default` = RateClass("default")
    /// What products that live elsewhere ask and tell about their own callers: many calls of one organisation.
    package static let checks = RateClass("checks")
}

extension Rates {
    /// For those who are signed in and have no plan, or one that does not say.
    package static let ofNoPlan = Rates(.perMinute(60), .perHour(1_000))
}
