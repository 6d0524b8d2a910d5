import Base

/// One argument of a tool.
package struct ToolParameter: Hashable, Sendable {
    package indirect enum Kind: Hashable, Sendable {
        /// A text, or a reference to the output of a node.
        case text(lengthMax: Int)
        case integer(ClosedRange<Int64>)
        case boolean
        case choice([String])
        case list(Kind, count: ClosedRange<Int>)
        case record([ToolParameter])
        /// An object with members that the tool does not know before.
        case object
    }

    package let name: String
    package let kind: Kind
    package let isRequired: Bool
    /// A phrase for users and models.
    package let description: String

    package init(_ name: String, _ kind: Kind, isRequired: Bool = true, _ description: String) {
        self.name = name
        self.kind = kind
        self.isRequired = isRequired
        self.description = description
    }
}

extension ToolParameter {
    /// All faults, in the order of the parameters and then of the unknown names.
    static func faults(
        in arguments: [String: JSONValue], parameters: [ToolParameter], path: String
    ) -> [ArgumentFault] {
        var faults: [ArgumentFault] = []
        for parameter in parameters {
            let path = path.isEmpty ? parameter.name : "\(path).\(parameter.name)"
            switch arguments[parameter.name] {
            case .some(let value): faults += parameter.kind.faults(in: value, path: path)
            case nil where parameter.isRequired: faults.append(ArgumentFault(path, "is missing"))
            case nil: continue
            }
        }
        let known = Set(parameters.map(\.name))
        for name in arguments.keys.sorted() where !known.contains(name) {
            faults.append(
                ArgumentFault(
                    path.isEmpty ? name : "\(path).\(name)",
                    "is not an argument; those are \(parameters.map(\.name).joined(separator: ", "))"))
        }
        return faults
    }

    /// A JSON Schema of an object.
    static func schema(of parameters: [ToolParameter]) -> JSONValue {
        [
            "type": "object",
            "properties": .object(
                Dictionary(
                    parameters.map { parameter in
                        var schema = parameter.kind.schema
                        schema["description"] = .string(parameter.description)
                        return (parameter.name, .object(schema))
                    }
                ) { $1 }),
            "required": .array(parameters.filter(\.isRequired).map { .string($0.name) }),
            "additionalProperties": false,
        ]
    }
}

extension ToolParameter.Kind {
    /// Of objects that the tool does not know before: decoders of stored graphs take longer for each level.
    private static let depthMax = 16

    func faults(in value: JSONValue, path: String) -> [ArgumentFault] {
        switch (self, value) {
        case (.text(let lengthMax), .string(let text)):
            return text.utf8.count <= lengthMax
                ? [] : [ArgumentFault(path, "has \(text.utf8.count) bytes; \(lengthMax) are accepted")]
        case (.text, _) where OutputReference(value) != nil: return []
        case (.text, _): return [ArgumentFault(path, "is not a text or a reference to the output of a step")]
        case (.integer(let range), _):
            guard let number = value.integer else { return [ArgumentFault(path, "is not a whole number")] }
            return range.contains(number)
                ? [] : [ArgumentFault(path, "is not between \(range.lowerBound) and \(range.upperBound)")]
        case (.boolean, _): return value.bool == nil ? [ArgumentFault(path, "is not true or false")] : []
        case (.choice(let choices), _):
            return value.string.map(choices.contains) ?? false
                ? [] : [ArgumentFault(path, "is not one of \(choices.joined(separator: ", "))")]
        case (.list(let kind, let count), .array(let elements)):
            guard count.contains(elements.count) else {
                return [
                    ArgumentFault(
                        path,
                        "has \(elements.count) elements; \(count.lowerBound) to \(count.upperBound) are accepted")
                ]
            }
            return elements.enumerated().flatMap { kind.faults(in: $1, path: "\(path)[\($0)]") }
        case (.list, _): return [ArgumentFault(path, "is not a list")]
        case (.record(let parameters), .object(let members)):
            return ToolParameter.faults(in: members, parameters: parameters, path: path)
        case (.object, .object):
            return value.isNested(deeper: Self.depthMax)
                ? [ArgumentFault(path, "is nested more than \(Self.depthMax) levels deep")] : []
        case (.record, _), (.object, _): return [ArgumentFault(path, "is not an object")]
        }
    }

    var schema: [String: JSONValue] {
        switch self {
        case .text(let lengthMax): ["type": "string", "maxLength": .integer(Int64(lengthMax))]
        case .integer(let range):
            ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
        case .boolean: ["type": "boolean"]
        case .choice(let choices): ["type": "string", "enum": .array(choices.map(JSONValue.string))]
        case .list(let kind, let count):
            [
                "type": "array", "items": .object(kind.schema), "minItems": .integer(Int64(count.lowerBound)),
                "maxItems": .integer(Int64(count.upperBound)),
            ]
        case .record(let parameters): ToolParameter.schema(of: parameters).object ?? [:]
        case .object: ["type": "object"]
        }
    }
}

extension JSONValue {
    fileprivate func isNested(deeper depth: Int) -> Bool {
        switch self {
        case .array(let elements): depth == 0 || elements.contains { $0.isNested(deeper: depth - 1) }
        case .object(let members): depth == 0 || members.values.contains { $0.isNested(deeper: depth - 1) }
        default: false
        }
    }
}
