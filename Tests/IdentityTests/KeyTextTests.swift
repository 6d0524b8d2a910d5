import Base
import Modules
import Testing

@testable import Identity

@Suite struct KeyTextTests {
    private let key = KeyText(id: Runtime.system.id(), environment: "live", runtime: .system)

    @Test func `a key is parsed to its id and hash`() throws {
        let read = try #require(KeyText(key.text, environment: "live"))
        #expect(read.id == key.id)
        #expect(read.hash == key.hash)
        #expect(key.text.hasPrefix(key.prefix + "_"))
        #expect(key.prefix.split(separator: "_").count == 3)
    }

    @Test func `two keys with one id differ in their secret`() {
        let again = KeyText(id: key.id, environment: "live", runtime: .system)
        #expect(again.text != key.text)
        #expect(again.hash != key.hash)
        #expect(again.prefix == key.prefix)
    }

    @Test func `a key with one changed or missing character is not parsed`() {
        let characters = Array(key.text)
        for index in characters.indices {
            var changed = characters
            changed[index] = changed[index] == "a" ? "b" : "a"
            #expect(KeyText(String(changed), environment: "live") == nil, "\(index)")
        }
        #expect(KeyText(key.text, environment: "test") == nil)
        for length in 0..<characters.count {
            #expect(KeyText(String(characters.prefix(length)), environment: "live") == nil)
        }
    }
}
