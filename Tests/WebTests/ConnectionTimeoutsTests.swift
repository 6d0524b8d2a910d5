import NIOCore
import Testing

@testable import Web

@Suite struct ConnectionTimeoutsTests {
    private static let limits = HTTPLimits()
    private static func second(_ count: Int64) -> NIODeadline {
        .uptimeNanoseconds(1_000_000_000_000) + .seconds(count)
    }
    private var timeouts = ConnectionTimeouts(limits: limits, start: second(0))

    private mutating func verdict(at time: Int64, awaited: Int64? = nil, buffered: Int = 0)
        -> ConnectionTimeouts.Verdict
    {
        timeouts.verdict(at: Self.second(time), bodyAwaitedSince: awaited.map(Self.second), bufferedBytes: buffered)
    }

    @Test mutating func `a new connection has the header timeout, a used one the idle timeout`() {
        #expect(verdict(at: 14) == .wait(until: Self.second(15)))
        #expect(verdict(at: 15) == .close)
        timeouts.headArrived(at: Self.second(15))
        timeouts.requestEnded()
        #expect(verdict(at: 1_000) == .wait(until: nil))
        timeouts.answered(at: Self.second(1_000))
        #expect(timeouts.isIdle)
        #expect(verdict(at: 1_074) == .wait(until: Self.second(1_075)))
        #expect(verdict(at: 1_075) == .close)
    }

    @Test mutating func `the header timeout of a later request runs from its first byte`() {
        timeouts.headBegan(at: Self.second(10))
        timeouts.headBegan(at: Self.second(20))
        #expect(!timeouts.isIdle)
        #expect(verdict(at: 24) == .wait(until: Self.second(25)))
        #expect(verdict(at: 25) == .requestTimeout)
    }

    @Test mutating func `the body read timeout runs while a handler waits for the body`() {
        timeouts.headArrived(at: Self.second(0))
        #expect(verdict(at: 100) == .wait(until: Self.second(130)))
        #expect(verdict(at: 110, awaited: 100) == .wait(until: Self.second(130)))
        #expect(verdict(at: 130, awaited: 100) == .requestTimeout)
        timeouts.chunkArrived(1 << 20, at: Self.second(129), bodyAwaitedSince: Self.second(100))
        #expect(verdict(at: 130, awaited: 100) == .wait(until: Self.second(159)))
    }

    @Test mutating func `a body that arrives byte by byte has the grace time altogether`() {
        timeouts.headArrived(at: Self.second(0))
        for second in 1...29 as ClosedRange<Int64> {
            timeouts.chunkArrived(1, at: Self.second(second), bodyAwaitedSince: Self.second(second - 1))
        }
        #expect(verdict(at: 29, awaited: 29) == .wait(until: Self.second(30)))
        #expect(verdict(at: 30, awaited: 29) == .requestTimeout)
        // The next request of the connection starts anew.
        timeouts.requestEnded()
        timeouts.answered(at: Self.second(30))
        timeouts.headArrived(at: Self.second(30))
        #expect(verdict(at: 30, awaited: 30) == .wait(until: Self.second(60)))
    }

    @Test mutating func `a body at the minimum rate goes on until the body timeout`() {
        timeouts.headArrived(at: Self.second(0))
        for second in 1...1_799 as ClosedRange<Int64> {
            timeouts.chunkArrived(4 << 10, at: Self.second(second), bodyAwaitedSince: Self.second(second - 1))
            #expect(verdict(at: second, awaited: second) != .requestTimeout)
        }
        #expect(verdict(at: 1_800, awaited: 1_799) == .requestTimeout)
    }

    @Test mutating func `the time of the handler is not the time of the body`() {
        timeouts.headArrived(at: Self.second(0))
        timeouts.chunkArrived(1, at: Self.second(1_000), bodyAwaitedSince: nil)
        #expect(verdict(at: 5_000, awaited: 5_000) == .wait(until: Self.second(5_030)))
    }

    @Test mutating func `the write timeout restarts whenever the client reads bytes`() {
        timeouts.headArrived(at: Self.second(0))
        timeouts.requestEnded()
        timeouts.writeStalled(at: Self.second(0), bufferedBytes: 1_000)
        timeouts.answered(at: Self.second(0))
        #expect(timeouts.needsBufferedBytes)
        #expect(verdict(at: 59, buffered: 1_000) == .wait(until: Self.second(74)))
        #expect(verdict(at: 60, buffered: 999) == .wait(until: Self.second(75)))
        #expect(verdict(at: 119, buffered: 999) == .wait(until: Self.second(134)))
        #expect(verdict(at: 120, buffered: 999) == .close)
        timeouts.writeResumed(at: Self.second(120))
        #expect(verdict(at: 120) == .wait(until: Self.second(195)))
    }

    @Test mutating func `lingering ends with its timeout`() {
        timeouts.headArrived(at: Self.second(0))
        timeouts.lingering(at: Self.second(5))
        #expect(verdict(at: 14) == .wait(until: Self.second(15)))
        #expect(verdict(at: 15) == .close)
    }
}
