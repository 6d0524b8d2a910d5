package import Base

/// A JSON Schema with a name.
package struct ModelSchema: Sendable, Hashable {
    /// Letters, digits, hyphens and underscores, at most 64.
    package let name: String
    package let json: JSONValue
    /// Whether the service has to keep to it. Nil for its own rule.
    package let isStrict: Bool?

    /// References are replaced by what they refer to, because services accept them in different places.
    /// - Parameter json: references in it are JSON pointers into itself, and none leads to itself.
    package init(name: String, json: JSONValue) {
        self.init(name: name, asWritten: Self.inlined(json, root: json, depth: 0), isStrict: nil)
    }

    /// A schema of a client, which is passed on with its references.
    package init(name: String, asWritten json: JSONValue, isStrict: Bool?) {
        self.name = name
        self.json = json
        self.isStrict = isStrict
    }

    private static let depthMax = 32

    private static func inlined(_ value: JSONValue, root: JSONValue, depth: Int) -> JSONValue {
        precondition(depth <= depthMax, "a schema does not contain itself")
        if let pointer = value["$ref"]?.string, pointer.hasPrefix("#/") {
            let target = pointer.dropFirst(2).split(separator: "/").reduce(root) { $0[String($1)] ?? [:] }
            return inlined(target, root: root, depth: depth + 1)
        }
        return switch value {
        case .object(let members):
            .object(
                members.filter { depth > 0 || $0.key != "components" }
                    .mapValues { inlined($0, root: root, depth: depth + 1) })
        case .array(let elements): .array(elements.map { inlined($0, root: root, depth: depth + 1) })
        default: value
        }
    }
}
