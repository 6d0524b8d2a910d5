import Base

/// The fields of a request as a tree.
struct TestStripeForm {
    private(set) var value: String?
    private(set) var members: [(name: String, form: TestStripeForm)] = []

    init() {}

    /// - Throws: where two fields contradict each other.
    init(_ fields: [(name: String, value: String)]) throws(TestStripeError) {
        for field in fields {
            let parts = field.name.split(separator: "[", omittingEmptySubsequences: false)
            var path = [String(parts[0])]
            for part in parts.dropFirst() {
                guard part.hasSuffix("]") else { throw .invalid(field.name, "Invalid name: \(field.name)") }
                path.append(String(part.dropLast()))
            }
            guard insert(field.value, at: path[...]) else {
                throw .invalid(field.name, "Invalid or repeated: \(field.name)")
            }
        }
    }

    private mutating func insert(_ value: String, at path: ArraySlice<String>) -> Bool {
        guard var name = path.first else {
            guard self.value == nil, members.isEmpty else { return false }
            self.value = value
            return true
        }
        guard self.value == nil else { return false }
        if name.isEmpty { name = "\(members.count)" }
        if let index = members.firstIndex(where: { $0.name == name }) {
            return members[index].form.insert(value, at: path.dropFirst())
        }
        var form = TestStripeForm()
        guard form.insert(value, at: path.dropFirst()) else { return false }
        members.append((name, form))
        return true
    }

    var names: [String] { members.map(\.name) }

    subscript(_ path: String...) -> TestStripeForm? {
        path.reduce(self as TestStripeForm?) { form, name in form?.members.first { $0.name == name }?.form }
    }

    func has(_ name: String) -> Bool { self[name] != nil }

    /// - Returns: nil where there is none, or an empty one.
    func text(_ name: String) -> String? { self[name]?.value.flatMap { $0.isEmpty ? nil : $0 } }

    func required(_ name: String) throws(TestStripeError) -> String {
        guard let text = text(name) else { throw .parameterMissing(name) }
        return text
    }

    func integer(_ name: String) throws(TestStripeError) -> Int64? {
        guard let text = text(name) else { return nil }
        guard let value = Int64(text) else {
            throw .invalid(name, "Invalid integer: \(text)", code: "parameter_invalid_integer")
        }
        return value
    }

    func bool(_ name: String) throws(TestStripeError) -> Bool? {
        switch text(name) {
        case nil: return nil
        case "true": return true
        case "false": return false
        case let text?: throw .invalid(name, "Invalid boolean: \(text)")
        }
    }

    func time(_ name: String) throws(TestStripeError) -> Instant? { try integer(name).map { Instant(seconds: $0) } }

    /// A value of a closed set.
    func choice(_ name: String, of choices: [String]) throws(TestStripeError) -> String? {
        guard let text = text(name) else { return nil }
        guard choices.contains(text) else {
            throw .invalid(name, "Invalid \(name): must be one of \(choices.joined(separator: ", "))")
        }
        return text
    }

    func list(_ name: String) -> [TestStripeForm] { self[name]?.members.map(\.form) ?? [] }

    func texts(_ name: String) -> [String] { list(name).compactMap(\.value) }

    /// - Throws: beyond 50 keys, keys of 40 and values of 500 characters.
    func metadata(_ form: TestStripeForm? = nil) throws(TestStripeError) -> [String: String] {
        let fields = (form ?? self["metadata"])?.members ?? []
        guard fields.count <= 50 else { throw .invalid("metadata", "You can specify up to 50 keys.") }
        var metadata: [String: String] = [:]
        for (name, form) in fields {
            guard let value = form.value, name.count <= 40, value.count <= 500 else {
                throw .invalid("metadata", "Metadata values can have up to 500 characters, and keys up to 40.")
            }
            metadata[name] = value
        }
        return metadata
    }

    /// A positive amount, as Stripe accepts it in this currency.
    func amount(_ name: String = "amount", in currency: String) throws(TestStripeError) -> Int64 {
        guard let amount = try integer(name) else { throw .parameterMissing(name) }
        guard amount > 0 else {
            throw .invalid(name, "This value must be greater than or equal to 1.", code: "parameter_invalid_integer")
        }
        guard amount <= 99_999_999_999 else {
            throw .invalid(name, "Amount must be no more than 999,999,999.99", code: "amount_too_large")
        }
        let step: Int64 =
            switch currency {
            case "isk", "ugx": 100
            case "bhd", "jod", "kwd", "omr", "tnd": 10
            default: 1
            }
        guard amount % step == 0 else { throw .invalid(name, "Invalid amount for \(currency): \(amount)") }
        return amount
    }

    func currency() throws(TestStripeError) -> String {
        let text = try required("currency")
        guard let currency = Currency(text), currency.code == text else {
            throw .invalid("currency", "Invalid currency: \(text)")
        }
        return text
    }
}
