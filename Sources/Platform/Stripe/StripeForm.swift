package import Base

/// The fields of a request in the order in which they were set, as Stripe's form encoding writes them:
/// `metadata[order]=7`, `items[0][price]=price_1`.
package struct StripeForm: Sendable, Hashable, Codable {
    package struct Field: Sendable, Hashable, Codable {
        package let name: String
        package let value: String
    }

    package private(set) var fields: [Field] = []

    package init() {}

    /// Adds a field; nil adds nothing. An empty value removes the member at Stripe.
    package mutating func set(_ name: String, _ value: String?) {
        if let value { fields.append(Field(name: name, value: value)) }
    }

    package mutating func set(_ name: String, _ value: Int64?) { set(name, value.map { "\($0)" }) }

    package mutating func set(_ name: String, _ value: Bool?) { set(name, value.map { "\($0)" }) }

    /// Adds a time in whole seconds since 1970.
    package mutating func set(_ name: String, _ value: Instant?) { set(name, value?.seconds) }

    /// Adds the elements as `name[0]`, `name[1]`, ….
    package mutating func set(_ name: String, _ values: [String]) {
        for (index, value) in values.enumerated() { set("\(name)[\(index)]", value) }
    }

    /// Adds members in the order of their keys, so that one dictionary has one encoding.
    package mutating func set(_ name: String, _ members: [String: String]) {
        for (key, value) in members.sorted(by: { $0.key < $1.key }) { set("\(name)[\(key)]", value) }
    }

    /// Adds `amount` and `currency`.
    package mutating func set(_ money: Money) { set("amount", money) }

    /// Adds a field and `currency`.
    package mutating func set(_ name: String, _ money: Money) {
        set(name, StripeAmount.units(of: money))
        set("currency", money.currency.code)
    }

    /// As a query, or as a body of `application/x-www-form-urlencoded`. Brackets are encoded too: a query with one is
    /// no valid URL, and would be encoded a second time.
    package var encoded: String {
        var text = ""
        for field in fields {
            if !text.isEmpty { text += "&" }
            text += "\(PercentEncoding.encode(field.name))=\(PercentEncoding.encode(field.value))"
        }
        return text
    }
}
