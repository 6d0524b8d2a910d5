import Base
import Testing

@Suite struct UTF8KeyTests {
    @Test func `texts of other bytes are other keys, also where Swift's strings are equal`() {
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        #expect(composed == decomposed)
        #expect(UTF8Key(composed) != UTF8Key(decomposed))
        #expect(UTF8Key(composed) == UTF8Key("caf\u{E9}"))
        #expect(Set([composed, decomposed, composed].map(UTF8Key.init)).count == 2)
        #expect(UTF8Key(decomposed) < UTF8Key(composed) && UTF8Key("a") < UTF8Key("ab"))
    }
}
