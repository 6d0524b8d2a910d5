import Base
import Identity
import Testing

/// Entries of a cache that are invalidated, and entries that do not expire.
@Suite struct TTLCacheInvalidationTests {
    private let start = Instant(seconds: 1_800_000_000)

    @Test func `an invalidated entry is gone and others stay`() {
        let cache = TTLCache<String, Int>()
        for (key, value) in [("first", 1), ("second", 2)] { cache.set(value, for: key, at: start) }
        cache.invalidate("first")
        #expect(cache.value(for: "first", at: start) == nil)
        #expect(cache.value(for: "second", at: start) == 2)
        cache.invalidateAll()
        #expect(cache.value(for: "second", at: start) == nil)
    }

    @Test func `an entry is invalidated in either generation`() {
        let cache = TTLCache<Int, Int>(capacity: 2)
        for key in 0..<64 { cache.set(key, for: key, at: start, lasts: true) }
        for key in 0..<64 { cache.invalidate(key) }
        #expect((0..<64).allSatisfy { cache.value(for: $0, at: start) == nil })
    }

    @Test func `an entry without expiry that is used is not evicted by unused ones`() {
        let cache = TTLCache<Int, Int>(capacity: 64)
        cache.set(-1, for: -1, at: start, lasts: true)
        for key in 0..<100_000 {
            cache.set(key, for: key, at: start, lasts: true)
            if key.isMultiple(of: 8) { #expect(cache.value(for: -1, at: start) == -1) }
        }
    }
}
