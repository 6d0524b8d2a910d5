/// The fields of a request in the order of their names' first use, as Stripe's form encoding writes them:
/// `metadata[order]=7`, `items[0][price]=price_1`.
package struct StripeForm: Sendable, Hashable, Codable {
    package struct Field: Sendable, Hashable, Codable {
        package let name: String
        package let value: String
    }

    package private(set) var fields: [Field] = []

    package init() {}

    /// Adds a field; nil adds nothing.
    package mutating func set(_ name: String, _ value: String?) {
        if let value { fields.append(Field(name: name, value: value)) }
    }

    package mutating func set(_ name: String, _ value: Int64?) { set(name, value.map { "\($0)" }) }

    package mutating func set(_ name: String, _ value: Bool?) { set(name, value.map { "\($0)" }) }
}
