import NIOCore
import Testing

@testable import Web

@Suite("Time of a connection") struct ConnectionTimeoutsTests {
    private static let limits = HTTPLimits()
    private static func second(_ count: Int64) -> NIODeadline {
        .uptimeNanoseconds(1_000_000_000_000) + .seconds(count)
    }
    private var watch = ConnectionTimeouts(limits: limits, start: second(0))

    private mutating func verdict(at time: Int64, awaited: Int64? = nil, buffered: Int = 0)
        -> ConnectionTimeouts.Verdict
    {
        watch.verdict(at: Self.second(time), bodyAwaitedSince: awaited.map(Self.second), bufferedBytes: buffered)
    }

    @Test mutating func `a new connection has the time of a head, a used one more`() {
        #expect(verdict(at: 14) == .fine(until: Self.second(15)))
        #expect(verdict(at: 15) == .close)
        watch.headArrived(at: Self.second(15))
        watch.requestEnded()
        #expect(verdict(at: 1_000) == .fine(until: nil))
        watch.answered(at: Self.second(1_000))
        #expect(watch.isIdle)
        #expect(verdict(at: 1_074) == .fine(until: Self.second(1_075)))
        #expect(verdict(at: 1_075) == .close)
    }

    @Test mutating func `a head is timed from its first byte`() {
        watch.headBegan(at: Self.second(10))
        watch.headBegan(at: Self.second(20))
        #expect(!watch.isIdle)
        #expect(verdict(at: 24) == .fine(until: Self.second(25)))
        #expect(verdict(at: 25) == .tooSlow)
    }

    @Test mutating func `a body is timed while somebody waits for it`() {
        watch.headArrived(at: Self.second(0))
        #expect(verdict(at: 100) == .fine(until: Self.second(130)))
        #expect(verdict(at: 110, awaited: 100) == .fine(until: Self.second(130)))
        #expect(verdict(at: 130, awaited: 100) == .tooSlow)
        watch.pieceArrived(at: Self.second(129))
        #expect(verdict(at: 130, awaited: 100) == .fine(until: Self.second(159)))
    }

    @Test mutating func `an answer may be slow as long as some of it is taken`() {
        watch.headArrived(at: Self.second(0))
        watch.requestEnded()
        watch.writeWaits(at: Self.second(0), bufferedBytes: 1_000)
        watch.answered(at: Self.second(0))
        #expect(watch.needsBufferedBytes)
        #expect(verdict(at: 59, buffered: 1_000) == .fine(until: Self.second(74)))
        #expect(verdict(at: 60, buffered: 999) == .fine(until: Self.second(75)))
        #expect(verdict(at: 119, buffered: 999) == .fine(until: Self.second(134)))
        #expect(verdict(at: 120, buffered: 999) == .close)
        watch.writeGoesOn(at: Self.second(120))
        #expect(verdict(at: 120) == .fine(until: Self.second(195)))
    }

    @Test mutating func `lingering has an end`() {
        watch.headArrived(at: Self.second(0))
        watch.lingers(at: Self.second(5))
        #expect(verdict(at: 14) == .fine(until: Self.second(15)))
        #expect(verdict(at: 15) == .close)
    }
}
