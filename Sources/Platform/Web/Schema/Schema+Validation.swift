package import Base

extension Schema {
    /// Validates a value against the schema.
    /// - Parameters:
    ///   - components: the targets of ``Schema/reference(_:)``.
    ///   - pointer: the position of `value` in the body (RFC 6901).
    /// - Returns: the faults, at most ``maximumFaults``; empty where the value is valid.
    package func faults(in value: JSONValue, components: [String: Schema], at pointer: String = "") -> [Problem.Fault] {
        var faults: [Problem.Fault] = []
        // Most values are valid: members are sorted, for faults in a stable order, only where there are any.
        check(value, components, .start(pointer), inOrder: false, &faults)
        guard !faults.isEmpty else { return [] }
        faults = []
        check(value, components, .start(pointer), inOrder: true, &faults)
        return Array(faults.prefix(Self.maximumFaults))
    }

    /// The bound of the faults in one response.
    package static let maximumFaults = 50

    private func check(
        _ value: JSONValue, _ components: [String: Schema], _ pointer: Pointer, inOrder: Bool,
        _ faults: inout [Problem.Fault]
    ) {
        guard faults.count < Self.maximumFaults else { return }
        func fault(_ detail: String) { faults.append(Problem.Fault(pointer.text, detail)) }
        switch (self, value) {
        case (.any, _), (.nullable, .null), (.boolean, .bool): return
        case (.nullable(let schema), _): schema.check(value, components, pointer, inOrder: inOrder, &faults)
        case (.reference(let name), _): components[name]?.check(value, components, pointer, inOrder: inOrder, &faults)
        case (.integer(let minimum, let maximum), _):
            guard let number = value.integer else { return fault("must be a whole number") }
            if let minimum, number < minimum { fault("must be at least \(minimum)") }
            if let maximum, number > maximum { fault("must be at most \(maximum)") }
        case (.number(let minimum, let maximum), _):
            guard let number = value.number, number.isFinite else { return fault("must be a number") }
            if let minimum, number < minimum { fault("must be at least \(minimum)") }
            if let maximum, number > maximum { fault("must be at most \(maximum)") }
        case (.string(let format, let minLength, let maxLength), .string(let text)):
            let length = text.unicodeScalars.count
            if let minLength, length < minLength {
                fault(minLength == 1 ? "must not be empty" : "must have at least \(minLength) characters")
            }
            if let maxLength, length > maxLength { fault("must have at most \(maxLength) characters") }
            if text.hasNUL { fault("must not contain a NUL character") }
            if let format, let reason = StringFormat.fault(of: text, format) { fault(reason) }
        case (.enumeration(let values), .string(let text)):
            if !values.contains(text) { fault("must be one of: \(values.joined(separator: ", "))") }
        case (.array(let element, let maxItems), .array(let elements)):
            if let maxItems, elements.count > maxItems { return fault("must have at most \(maxItems) items") }
            for (index, item) in elements.enumerated() {
                element.check(item, components, .element(pointer, index), inOrder: inOrder, &faults)
            }
        case (.map(let schema), .object(let members)):
            for (name, item) in Self.list(members, inOrder: inOrder) {
                schema.check(item, components, .member(pointer, name), inOrder: inOrder, &faults)
            }
        case (.object(let shape), .object(let members)):
            for property in shape.properties where property.isRequired && members[property.name] == nil {
                faults.append(Problem.Fault(Pointer.member(pointer, property.name).text, "is required"))
            }
            // Bounded, so that a body with a million unknown names does not make a response of that size.
            for (name, item) in Self.list(members, inOrder: inOrder) where faults.count < Self.maximumFaults {
                if let property = shape.property(name) {
                    property.schema.check(item, components, .member(pointer, name), inOrder: inOrder, &faults)
                } else if !shape.isOpen {
                    faults.append(Problem.Fault(Pointer.member(pointer, name).text, "is not a known field"))
                }
            }
        case (.boolean, _): fault("must be true or false")
        case (.string, _), (.enumeration, _): fault("must be a string")
        case (.array, _): fault("must be an array")
        case (.map, _), (.object, _): fault("must be an object")
        }
    }

    private static func list(_ members: [String: JSONValue], inOrder: Bool) -> [(key: String, value: JSONValue)] {
        inOrder ? members.sorted { $0.key < $1.key } : Array(members)
    }
}

/// The position of a value in a body (RFC 6901). Its text is composed for a fault alone: composing it for every member
/// took longer than the rest of the validation.
private indirect enum Pointer {
    case start(String)
    case member(Pointer, String)
    case element(Pointer, Int)

    var text: String {
        switch self {
        case .start(let text): text
        case .member(let outer, let name): outer.text + Problem.Fault.step(name)
        case .element(let outer, let index): "\(outer.text)/\(index)"
        }
    }
}
