import Base
import Foundation
import Testing

@Suite struct LimitTests {
    @Test func `a limit is a number of 0 or more, or -1 for unlimited`() {
        #expect(Limit(0) == .upTo(0))
        #expect(Limit(5) == .upTo(5))
        #expect(Limit(-1) == .unlimited)
        #expect(Limit(-2) == nil)
        #expect(Limit(.min) == nil)
        #expect(Limit(.max) == .upTo(.max))
    }

    @Test func `amounts up to the limit are allowed`() {
        #expect(Limit.upTo(5).allows(5))
        #expect(!Limit.upTo(5).allows(6))
        #expect(!Limit.upTo(0).allows(1))
        #expect(Limit.upTo(0).allows(0))
        #expect(Limit.unlimited.allows(1 << 60))
    }

    @Test func `a limit is encoded as a number`() throws {
        for limit in [Limit.upTo(0), .upTo(.max), .unlimited] {
            let data = try JSONEncoder().encode(limit)
            #expect(String(decoding: data, as: UTF8.self) == "\(limit.value)")
            #expect(try JSONDecoder().decode(Limit.self, from: data) == limit)
        }
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Limit.self, from: Data("-2".utf8)) }
    }
}

@Suite struct MoneyTests {
    @Test func `a currency has three letters`() throws {
        #expect(Currency("EUR")?.code == "eur")
        for wrong in ["", "eu", "euro", "e1r", "éur", "K€R"] { #expect(Currency(wrong) == nil, "\(wrong)") }
        let euro = try #require(Currency("eur"))
        let data = try JSONEncoder().encode(Money(-1, euro))
        #expect(try JSONDecoder().decode(Money.self, from: data) == Money(-1, euro))
    }
}
