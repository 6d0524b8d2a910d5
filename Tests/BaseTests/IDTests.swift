import Base
import Foundation
import Testing

@Suite struct IDTests {
    private enum Thing {}

    @Test func `only the canonical form is parsed`() {
        let text = "0194c0de-1234-7abc-89ab-0123456789ab"
        #expect(ID<Thing>(text)?.text == text)
        #expect(ID<Thing>(text.uppercased())?.text == text)
        for wrong in [
            "", "0194c0de", text + "0", String(text.dropLast()), text.replacing("-", with: ""), "{\(text)}",
            text.replacing("c", with: "g"),
            " \(text.dropFirst())",
            text.replacing("0194c0de-1234", with: "0194c0de1-234"), "٠١٩٤c0de-1234-7abc-89ab-0123456789ab",
            text.replacing("-", with: "–"),
            "0194c0de-1234-7abc-89ab-01234567\0\0\0\0",
        ] {
            #expect(ID<Thing>(wrong) == nil, "\(wrong)")
        }
    }

    @Test func `the 16 bytes round-trip`() throws {
        let id = try #require(ID<Thing>("0194c0de-1234-7abc-89ab-0123456789ab"))
        #expect(id.bytes.count == 16 && Hex.encode(id.bytes) == id.text.replacing("-", with: ""))
        #expect(ID<Thing>(bytes: id.bytes) == id)
        #expect(ID<Thing>(bytes: id.bytes.dropLast()) == nil && ID<Thing>(bytes: id.bytes + [0]) == nil)
    }

    @Test func `an id is a JSON string`() throws {
        let id = try #require(ID<Thing>("0194c0de-1234-7abc-89ab-0123456789ab"))
        let data = try JSONEncoder().encode([id])
        #expect(String(decoding: data, as: UTF8.self) == #"["0194c0de-1234-7abc-89ab-0123456789ab"]"#)
        #expect(try JSONDecoder().decode([ID<Thing>].self, from: data) == [id])
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([ID<Thing>].self, from: Data(#"["x"]"#.utf8)) }
    }

    @Test func `ids sort by creation time`() {
        let random = Runtime.system.randomBytes
        let moments: [Int64] = [0, 1, 255, 256, 65_535, 65_536, 1_700_000_000_000, 1_700_000_000_001, (1 << 48) - 1]
        let ids = moments.map { UUIDText.version7(milliseconds: $0, random: random(10)) }
        #expect(ids == ids.sorted())
    }

    @Test func `an id has version and variant, and 74 random bits`() throws {
        let none = UUIDText.version7(milliseconds: 0x0123_4567_89AB, random: [UInt8](repeating: 0, count: 10))
        #expect(none == "01234567-89ab-7000-8000-000000000000")
        let all = UUIDText.version7(milliseconds: 0x0123_4567_89AB, random: [UInt8](repeating: 0xFF, count: 10))
        #expect(all == "01234567-89ab-7fff-bfff-ffffffffffff")
        #expect(UUIDText.isCanonical(all))
        #expect(UUID(uuidString: all) != nil)
    }

    @Test func `ten thousand ids differ`() {
        let ids = Set((0..<10_000).map { _ in Runtime.system.id(of: Thing.self) })
        #expect(ids.count == 10_000)
    }

    @Test func `hexadecimal text round-trips`() {
        let bytes = (0...255).map { UInt8($0) }
        #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        #expect(Hex.decode("DEADbeef") == [0xDE, 0xAD, 0xBE, 0xEF])
        for wrong in ["0", "0g", "ÿÿ", "０１"] { #expect(Hex.decode(wrong) == nil, "\(wrong)") }
    }
}
