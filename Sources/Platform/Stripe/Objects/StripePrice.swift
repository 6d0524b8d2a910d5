package import Base

package struct StripePrice: StripeObject {
    package static let object = "price"

    package enum Interval: String, Sendable, Hashable, CaseIterable {
        case day, week, month, year
    }

    /// How often a price is paid.
    package struct Recurring: Sendable, Hashable {
        package let interval: StripeState<Interval>
        package let intervalCount: Int64

        package init(_ interval: Interval, count: Int64 = 1) {
            self.interval = StripeState(interval)
            intervalCount = count
        }

        init(_ reader: StripeReader) throws(StripeObjectFault) {
            interval = try reader.state("interval")
            intervalCount = try reader.integer("interval_count")
        }
    }

    package enum TaxBehavior: String, Sendable, Hashable {
        case exclusive, inclusive, unspecified
    }

    package let id: String
    package let isActive: Bool
    package let product: String
    package let currency: Currency
    /// Nil for a price with tiers.
    package let amount: Money?
    /// Nil for a price that is paid once.
    package let recurring: Recurring?
    package let lookupKey: String?
    package let metadata: [String: String]

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        isActive = try reader.bool("active")
        product = try reader.id("product")
        currency = try reader.currency()
        amount = reader["unit_amount"] == nil ? nil : try reader.money("unit_amount")
        if let recurring = reader["recurring"] {
            self.recurring = try Recurring(StripeReader(unnamed: recurring, Self.object))
        } else {
            recurring = nil
        }
        lookupKey = reader.text("lookup_key")
        metadata = reader.metadata()
    }
}
