import Base
import NIOCore
import Testing

@testable import Web

@Suite struct ValueDecoderTests {
    private struct Sizes: Payload, Equatable {
        var small: Int8
        var natural: UInt64
        var single: Float
        var pair: [Int?]
        var nested: [String: [Double]]
    }

    private func decode(_ text: String) throws -> Sizes {
        try PayloadDecoder(for: Sizes.self).decode(Sizes.self, from: ByteBuffer(string: text))
    }

    @Test func `values of every type are decoded`() throws {
        let sizes = try decode(
            #"{"small":-128,"natural":9223372036854775807,"single":1.5,"pair":[1,null,3.0],"nested":{"aB":[1,2.5]}}"#)
        #expect(
            sizes
                == Sizes(
                    small: -128, natural: 9_223_372_036_854_775_807, single: 1.5, pair: [1, nil, 3],
                    nested: ["aB": [1, 2.5]]))
    }

    @Test(arguments: [
        (#"{"small":128,"natural":1,"single":1,"pair":[],"nested":{}}"#, "/small"),
        (#"{"small":1,"natural":1,"single":1e300,"pair":[],"nested":{}}"#, "/single"),
        (#"{"small":1,"natural":-1,"single":1,"pair":[],"nested":{}}"#, "/natural"),
        (#"{"small":1,"natural":1,"single":1,"pair":[1,"x"],"nested":{}}"#, "/pair/1"),
        (#"{"small":1,"natural":1,"single":1,"pair":[],"nested":{"a b":[true]}}"#, "/nested/a b/0"),
    ])
    func `a value out of the range of its type is a fault at its pointer`(_ text: String, _ pointer: String) throws {
        do {
            _ = try decode(text)
            Issue.record("it was decoded")
        } catch let problem as Problem {
            #expect(problem.kind == .validationFailed)
            #expect(problem.members["errors"]?[0]?["pointer"] == .string(pointer))
        }
    }

    @Test func `encoded payloads decode to themselves`() throws {
        let sizes = Sizes(small: 1, natural: 2, single: 0.5, pair: [nil], nested: ["x": []])
        #expect(try PayloadDecoder(for: Sizes.self).decode(Sizes.self, from: sizes.encoded()) == sizes)
    }
}
