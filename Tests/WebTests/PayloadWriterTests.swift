import Base
import Foundation
import NIOCore
import Testing
import Web

/// The output equals that of Foundation's encoder: members, order and numbers.
@Suite struct PayloadWriterTests {
    private func written(_ payload: some Payload) throws -> String { String(buffer: try payload.encoded()) }

    private func expected(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    private struct Everything: Payload, Equatable {
        struct Inner: Codable, Sendable, Equatable {
            var zebra = 1
            var antFarm: [String] = ["b", "a"]
            var none: Int?
        }

        enum Choice: Codable, Sendable, Equatable {
            case plain
            case several(second: Int, firstOne: String)
        }

        var zuluTime = "a \"quoted\" \\ word/slash \u{1} \n é 😀"
        var alpha = true
        var middleName: String?
        var count: Int64 = .min
        var small: UInt8 = 255
        var ratio = 0.1
        var whole = 40.0
        var tiny: Float = 1.5
        var inner = Inner()
        var inners = [Inner(zebra: 2), Inner(none: 3)]
        var empty: [Inner] = []
        var names = ["b Key": 1, "aKey": 2, "a": 3, "z\"b": 4]
        var byName = ["x": Inner()]
        var choices = [Choice.plain, .several(second: 1, firstOne: "x")]
        var maybe: [Int?] = [1, nil]
        var a = 1
        var aB = 2
    }

    @Test func `every type is encoded as by Foundation`() throws {
        let text = try written(Everything())
        let wanted = try expected(Everything())
        #expect(text == wanted)
        #expect(text.contains(#""a":1,"a_b":2,"alpha":true"#))
    }

    @Test func `a payload without properties is an empty object`() throws { #expect(try written(NoContent()) == "{}") }

    private struct FreeForm: Payload {
        var zeta: JSONValue = ["b": [1, 2.5, .null, true], "a": ["d": "e", "c": [:]]]
        var alpha: JSONValue = .number(.infinity)
    }

    @Test func `JSON values are encoded with sorted members`() throws {
        #expect(try written(FreeForm()) == #"{"alpha":null,"zeta":{"a":{"c":{},"d":"e"},"b":[1,2.5,null,true]}}"#)
    }

    @Test func `a number that JSON cannot represent is refused`() {
        var everything = Everything()
        everything.ratio = .nan
        #expect(throws: Problem.self) { try written(everything) }
    }

    /// Encodes itself through every kind of container.
    private struct ManuallyEncoded: Payload, Encodable {
        enum Keys: String, CodingKey { case zero, list, object, deep, last }

        init() {}
        init(from _: any Decoder) throws {}

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(0, forKey: .zero)
            var list = container.nestedUnkeyedContainer(forKey: .list)
            try list.encode(1)
            var inner = list.nestedContainer(keyedBy: Keys.self)
            try inner.encode("z", forKey: .zero)
            try inner.encode("d", forKey: .deep)
            var innermost = list.nestedUnkeyedContainer()
            try innermost.encodeNil()
            try 7.encode(to: list.superEncoder())
            #expect(list.count == 4)
            var object = container.nestedContainer(keyedBy: Keys.self, forKey: .object)
            try object.encode(true, forKey: .last)
            try ["x": 1].encode(to: container.superEncoder(forKey: .deep))
            try "s".encode(to: container.superEncoder())
            try container.encodeNil(forKey: .last)
            // The same container, requested again.
            var again = encoder.container(keyedBy: OtherKeys.self)
            try again.encode(9, forKey: .further)
        }

        enum OtherKeys: CodingKey { case further }
    }

    @Test func `a value may encode itself through every kind of container`() throws {
        #expect(try written(ManuallyEncoded()) == (try expected(ManuallyEncoded())))
    }

    private struct Interleaved: Payload, Encodable {
        enum Keys: CodingKey { case first, second, third }

        init() {}
        init(from _: any Decoder) throws {}

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Keys.self)
            var first = container.nestedContainer(keyedBy: Keys.self, forKey: .first)
            try container.encode(1, forKey: .second)
            try first.encode(2, forKey: .third)
        }
    }

    @Test func `a write to a closed object is an error, and never changes another object`() {
        #expect(throws: Problem.self) { try written(Interleaved()) }
    }
}
