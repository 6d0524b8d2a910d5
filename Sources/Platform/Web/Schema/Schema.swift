package import Base

/// A JSON Schema (2020-12, as in OpenAPI 3.1). It is derived from a payload type, documents it, and validates requests.
package indirect enum Schema: Sendable, Hashable {
    case any
    case boolean
    case integer(minimum: Int64? = nil, maximum: Int64? = nil)
    case number(minimum: Double? = nil, maximum: Double? = nil)
    /// Lengths count Unicode scalars, as in JSON Schema.
    case string(format: String? = nil, minLength: Int? = nil, maxLength: Int? = nil)
    case enumeration([String])
    case array(Schema, maxItems: Int? = nil)
    case map(Schema)
    case object(Object)
    /// A reference to a named object among the components.
    case reference(String)
    case nullable(Schema)

    package struct Object: Sendable, Hashable {
        package struct Property: Sendable, Hashable {
            package let name: String
            package var schema: Schema
            package var isRequired: Bool

            package init(name: String, schema: Schema, isRequired: Bool) {
                self.name = name
                self.schema = schema
                self.isRequired = isRequired
            }
        }

        package var properties: [Property]
        /// Whether unlisted members are accepted.
        package var isOpen: Bool

        package init(properties: [Property], isOpen: Bool = false) {
            self.properties = properties
            self.isOpen = isOpen
        }

        package func property(_ name: String) -> Property? { properties.first { $0.name == name } }
    }
}

extension Schema {
    /// The schema as JSON, for OpenAPI.
    package var json: JSONValue {
        switch self {
        case .any: [:]
        case .boolean: ["type": "boolean"]
        case .integer(let minimum, let maximum):
            object("integer", ["minimum": minimum.map { .integer($0) }, "maximum": maximum.map { .integer($0) }])
        case .number(let minimum, let maximum):
            object("number", ["minimum": minimum.map { .number($0) }, "maximum": maximum.map { .number($0) }])
        case .string(let format, let minLength, let maxLength):
            object(
                "string",
                [
                    "format": format.map { .string($0) }, "minLength": minLength.map { .integer(Int64($0)) },
                    "maxLength": maxLength.map { .integer(Int64($0)) },
                ]
            )
        case .enumeration(let values): ["type": "string", "enum": .array(values.map { .string($0) })]
        case .array(let element, let maxItems):
            object("array", ["items": element.json, "maxItems": maxItems.map { .integer(Int64($0)) }])
        case .map(let value): ["type": "object", "additionalProperties": value.json]
        case .object(let shape):
            object(
                "object",
                [
                    "properties": .object(
                        Dictionary(uniqueKeysWithValues: shape.properties.map { ($0.name, $0.schema.json) })),
                    "required": shape.properties.contains(where: \.isRequired)
                        ? .array(shape.properties.filter(\.isRequired).map { .string($0.name) }) : nil,
                    "additionalProperties": .bool(shape.isOpen),
                ]
            )
        case .reference(let name): ["$ref": .string("#/components/schemas/\(name)")]
        case .nullable(let schema): ["anyOf": [schema.json, ["type": "null"]]]
        }
    }

    private func object(_ type: String, _ members: [String: JSONValue?]) -> JSONValue {
        var all = members.compactMapValues { $0 }
        all["type"] = .string(type)
        return .object(all)
    }
}
