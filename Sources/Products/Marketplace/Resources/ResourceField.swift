import Modules

/// A field of a resource: its column, its form in JSON, and who sets it.
struct ResourceField: Sendable {
    enum Form: Sendable {
        case text(ClosedRange<Int>)
        case choice([String])
        case integer(ClosedRange<Int64>)
        case boolean
        /// `YYYY-MM-DD`.
        case date
        /// `HH:MM`.
        case time
        /// A decimal number of major units, in the row's currency; the column holds minor units and ends in `_minor`.
        case amount
        case currency
        /// Bounded JSON of any form.
        case json
        case texts(count: Int, length: Int)
        case webAddresses(count: Int)
        case webAddress
        case id
        case instant
        /// The average of the ratings, from the columns `rating_sum` and `rating_count`.
        case averageRating
    }

    /// Who sets it.
    enum Access: Sendable {
        /// The client, at creation and later.
        case client(isRequired: Bool)
        /// The client, at creation alone.
        case creation(isRequired: Bool)
        case server
    }

    struct Use: OptionSet, Sendable {
        let rawValue: Int
        /// Lists can be filtered by it.
        static let filtered = Use(rawValue: 1)
        /// Lists can be sorted by it.
        static let sorted = Use(rawValue: 2)
        /// Searches look into it.
        static let searched = Use(rawValue: 4)
        /// Only members of the row's organisation and administrators see it.
        static let own = Use(rawValue: 8)
    }

    let name: String
    let form: Form
    let access: Access
    let use: Use
    /// The value of a new row without this field.
    let fallback: JSONValue?

    static func required(_ name: String, _ form: Form, _ use: Use = []) -> Self {
        Self(name: name, form: form, access: .client(isRequired: true), use: use, fallback: nil)
    }
    static func optional(_ name: String, _ form: Form, _ use: Use = [], default fallback: JSONValue? = nil) -> Self {
        Self(name: name, form: form, access: .client(isRequired: false), use: use, fallback: fallback)
    }
    static func atCreation(
        _ name: String, _ form: Form, _ use: Use = [], isRequired: Bool = true, default fallback: JSONValue? = nil
    ) -> Self {
        Self(name: name, form: form, access: .creation(isRequired: isRequired), use: use, fallback: fallback)
    }
    static func server(_ name: String, _ form: Form, _ use: Use = []) -> Self {
        Self(name: name, form: form, access: .server, use: use, fallback: nil)
    }

    /// The column that holds it; nil where it is computed.
    var column: String? {
        switch form {
        case .amount: "\(name)_minor"
        case .averageRating: nil
        default: name
        }
    }

    var isRequired: Bool {
        switch access {
        case .client(let isRequired), .creation(let isRequired): isRequired
        case .server: false
        }
    }

    var isSetByClients: Bool { if case .server = access { false } else { true } }
    var isChangedByClients: Bool { if case .client = access { true } else { false } }

    var schema: Schema {
        switch form {
        case .text(let length): .string(minLength: length.lowerBound, maxLength: length.upperBound)
        case .choice(let values): .enumeration(values)
        case .integer(let range): .integer(minimum: range.lowerBound, maximum: range.upperBound)
        case .boolean: .boolean
        case .date: .string(minLength: 10, maxLength: 10)
        case .time: .string(minLength: 5, maxLength: 5)
        case .amount: .number(minimum: 0)
        case .averageRating: .number(minimum: 0, maximum: 5)
        case .currency: .string(minLength: 3, maxLength: 3)
        case .json: .any
        case .texts(let count, let length): .array(.string(minLength: 1, maxLength: length), maxItems: count)
        case .webAddresses(let count): .array(.string(maxLength: WebAddress.lengthMax), maxItems: count)
        case .webAddress: .string(maxLength: WebAddress.lengthMax)
        case .id: .string(format: "uuid")
        case .instant: Instant.schema
        }
    }
}
