package import Base

/// An argument that is the output of an earlier node: `{"$output": "step1"}`, an object of this one member.
package struct OutputReference: Hashable, Sendable {
    package static let member = "$output"

    /// The id of the node.
    package let node: String

    package init(_ node: String) { self.node = node }

    /// - Returns: nil for a value that is no reference.
    package init?(_ value: JSONValue) {
        guard case .object(let members) = value, members.count == 1, let node = members[Self.member]?.string else {
            return nil
        }
        self.node = node
    }

    package var json: JSONValue { [Self.member: .string(node)] }

    /// The references within a value, at any depth; members of objects in the order of their names.
    static func all(in value: JSONValue) -> [OutputReference] {
        if let reference = OutputReference(value) { return [reference] }
        return switch value {
        case .array(let elements): elements.flatMap(all(in:))
        case .object(let members): members.sorted { $0.key < $1.key }.flatMap { all(in: $0.value) }
        default: []
        }
    }

    /// - Returns: nil where an output is not in `outputs`.
    static func resolved(_ value: JSONValue, _ outputs: [String: NodeOutput]) -> JSONValue? {
        if let reference = OutputReference(value) { return outputs[reference.node].map { .string($0.text) } }
        switch value {
        case .array(let elements):
            var resolved: [JSONValue] = []
            for element in elements {
                guard let element = self.resolved(element, outputs) else { return nil }
                resolved.append(element)
            }
            return .array(resolved)
        case .object(let members):
            var resolved: [String: JSONValue] = [:]
            for (name, member) in members {
                guard let member = self.resolved(member, outputs) else { return nil }
                resolved[name] = member
            }
            return .object(resolved)
        default: return value
        }
    }
}
