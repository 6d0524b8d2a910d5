import Base
import Testing

@testable import Web

@Suite struct SchemaReaderTests {
    private enum Colour: String, Codable, CaseIterable, Sendable {
        case red
        case darkBlue = "dark_blue"
    }
    private struct Code: RawRepresentable, Codable, Sendable { var rawValue: String }

    private struct Leaf: Payload {
        var size: Int

        static let rules: [String: Rule] = ["size": .range(1...3)]
    }

    private struct Tree: Payload {
        var leafName: String
        var children: [Tree]
        var byName: [String: Tree]?
    }

    private struct Everything: Payload {
        var flag: Bool
        var whole: Int
        var natural: UInt8
        var real: Double
        var text: String
        var maybe: String?
        var colour: Colour
        var code: Code
        var id: ID<Leaf>
        var at: Instant
        var limit: Limit
        var any: JSONValue
        var leaf: Leaf
        var maybeLeaf: Leaf?
        var list: [[Leaf]]
        var map: [String: Int]
        var colours: [Colour]?

        static let rules: [String: Rule] = [
            "text": .length(2...4), "real": .numbers(0...1), "colours": .items(upTo: 2), "maybe": .format("uuid"),
        ]
    }

    @Test func `structs with every type of property are described`() throws {
        let reader = SchemaReader()
        #expect(reader.schema(of: Everything.self) == .reference("Everything"))
        guard case .object(let shape)? = reader.components["Everything"] else { return #expect(Bool(false)) }
        let schemas = Dictionary(uniqueKeysWithValues: shape.properties.map { ($0.name, $0.schema) })
        #expect(
            schemas == [
                "flag": .boolean, "whole": .integer(), "natural": .integer(minimum: 0),
                "real": .number(minimum: 0, maximum: 1),
                "text": .string(minLength: 2, maxLength: 4),
                "maybe": .nullable(.string(format: "uuid")), "colour": .enumeration(["red", "dark_blue"]),
                "code": .string(), "id": .string(format: "uuid"),
                "at": .string(format: "date-time"), "limit": .integer(minimum: -1), "any": .any,
                "leaf": .reference("Leaf"),
                "maybe_leaf": .nullable(.reference("Leaf")),
                "list": .array(.array(.reference("Leaf"))), "map": .map(.integer()),
                "colours": .nullable(.array(.enumeration(["red", "dark_blue"]), maxItems: 2)),
            ]
        )
        #expect(shape.properties.filter { !$0.isRequired }.map(\.name) == ["maybe", "maybe_leaf", "colours"])
        #expect(
            reader.components["Leaf"]
                == .object(
                    .init(properties: [.init(name: "size", schema: .integer(minimum: 1, maximum: 3), isRequired: true)])
                ))
    }

    private struct FlowerView: Payload {
        var height: Int
    }

    @Test func `a page of a list is named for its items`() throws {
        let reader = SchemaReader()
        #expect(reader.schema(of: Page<FlowerView>.self) == .reference("FlowerPage"))
        #expect(reader.schema(of: Page<Leaf>.self) == .reference("LeafPage"))
        guard case .object(let shape)? = reader.components["FlowerPage"] else {
            Issue.record("FlowerPage is no object")
            return
        }
        #expect(shape.properties.map(\.name) == ["data", "total", "limit", "offset"])
        #expect(shape.properties.allSatisfy { $0.isRequired })
        #expect(shape.property("data")?.schema == .array(.reference("FlowerView")))
        let page = Page(data: [Leaf(size: 1)], total: 7, limit: 1, offset: 3)
        #expect(page.listTotal == 7)
    }

    @Test func `recursive types are described`() throws {
        let reader = SchemaReader()
        #expect(reader.schema(of: Tree.self) == .reference("Tree"))
        guard case .object(let shape)? = reader.components["Tree"] else { return #expect(Bool(false)) }
        #expect(shape.property("children")?.schema == .array(.reference("Tree")))
        #expect(shape.property("by_name")?.schema == .nullable(.map(.reference("Tree"))))
        let value: JSONValue = [
            "leaf_name": "a", "children": [["leaf_name": "b", "children": [["leaf_name": 1, "children": []]]]],
            "by_name": ["x": ["leaf_name": "c"]],
        ]
        let faults = Schema.reference("Tree").faults(in: value, components: reader.components)
        #expect(faults.map(\.pointer) == ["/by_name/x/children", "/children/0/children/0/leaf_name"])
    }

    @Test func `a schema is encoded as JSON Schema`() throws {
        let reader = SchemaReader()
        _ = reader.schema(of: Leaf.self)
        #expect(
            reader.components["Leaf"]?.json == [
                "type": "object", "properties": ["size": ["type": "integer", "minimum": 1, "maximum": 3]],
                "required": ["size"], "additionalProperties": false,
            ]
        )
        #expect(
            Schema.nullable(.string(format: "uuid", maxLength: 3)).json == [
                "anyOf": [["type": "string", "format": "uuid", "maxLength": 3], ["type": "null"]]
            ])
        #expect(Schema.map(.any).json == ["type": "object", "additionalProperties": [:]])
        #expect(Schema.enumeration(["a"]).json == ["type": "string", "enum": ["a"]])
    }

    @Test func `names follow the naming of the payload`() {
        struct Camel: Payload {
            var sessionID: String
            var someName: String

            static let naming = Naming.asDeclared
        }
        let reader = SchemaReader()
        _ = reader.schema(of: Camel.self)
        guard case .object(let shape)? = reader.components["Camel"] else {
            Issue.record("FlowerPage is no object")
            return
        }
        #expect(shape.properties.map(\.name) == ["sessionID", "someName"])
    }

    private enum Inner {
        struct Leaf: Payload { var other: Bool }
    }

    private struct Both: Payload {
        var one: Leaf
        var other: Inner.Leaf
    }

    @Test func `two types with one name stop the program`() async {
        await #expect(processExitsWith: .failure) { _ = SchemaReader().schema(of: Both.self) }
    }
}
