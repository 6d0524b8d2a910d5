import Base
import Identity
import Testing

/// The lifetime of cached values.
@Suite struct TTLCacheTests {
    private let start = Instant(seconds: 1_800_000_000)

    private func at(_ milliseconds: Int) -> Instant { start + .milliseconds(milliseconds) }

    @Test func `a value expires after half a second`() {
        let memory = TTLCache<String, Int>()
        #expect(memory.value(for: "key", at: start) == nil)
        memory.set(7, for: "key", at: start)
        #expect(memory.value(for: "key", at: at(399)) == 7)
        #expect(memory.value(for: "key", at: at(500)) == nil)
        #expect(memory.value(for: "other", at: start) == nil)
    }

    @Test func `after four fifths of the lifetime one caller gets a miss, and others get the cached value`() {
        let memory = TTLCache<String, Int>()
        memory.set(7, for: "key", at: start)
        #expect((400..<450).filter { memory.value(for: "key", at: at($0)) == nil } == [400])
        memory.set(8, for: "key", at: at(400))
        #expect((450..<800).allSatisfy { memory.value(for: "key", at: at($0)) == 8 })
        #expect((800..<850).filter { memory.value(for: "key", at: at($0)) == nil } == [800])
    }

    @Test func `a miss without a new value does not extend the lifetime`() {
        let memory = TTLCache<String, Int>()
        memory.set(7, for: "key", at: start)
        #expect(memory.value(for: "key", at: at(410)) == nil)
        #expect(memory.value(for: "key", at: at(499)) == 7)
        #expect(memory.value(for: "key", at: at(500)) == nil)
        #expect(memory.value(for: "key", at: at(501)) == nil)
    }

    @Test func `without early refresh a value is returned for its whole lifetime`() {
        let memory = TTLCache<String, Bool>(lifetime: .minutes(1), refreshesEarly: false)
        memory.set(true, for: "key", at: start)
        #expect(memory.value(for: "key", at: start + .milliseconds(59_999)) == true)
        #expect(memory.value(for: "key", at: start + .minutes(1)) == nil)
    }

    @Test func `a value expires when the clock is set back, unless it is permanent`() {
        let memory = TTLCache<String, Int>()
        memory.set(7, for: "brief", at: start)
        memory.set(8, for: "lasting", at: start, lasts: true)
        #expect(memory.value(for: "brief", at: at(-1)) == nil)
        #expect(memory.value(for: "lasting", at: at(-1)) == 8)
        #expect(memory.value(for: "lasting", at: at(3_600_000)) == 8)
    }

    @Test func `a full cache evicts the oldest values first`() {
        let memory = TTLCache<Int, Int>(capacity: 4)
        for key in 0..<1_000 { memory.set(key, for: key, at: start) }
        let known = (0..<1_000).filter { memory.value(for: $0, at: start) != nil }
        #expect(known.count <= 16 * 2 * 4)
        #expect(known.last == 999)
    }
}
