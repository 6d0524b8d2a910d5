import Testing

@testable import Outbound

@Suite struct ReadPaceTests {
    /// The chunks, counted from 1, at which a reader pauses.
    private func pauses(_ pace: inout ReadPace, _ waits: [Duration], bytes: Int = 200) -> [Int] {
        waits.enumerated().filter { pace.pauses(at: bytes, waitedFor: $0.element) }.map { $0.offset + 1 }
    }

    @Test func `a slow stream is read as it arrives`() {
        var pace = ReadPace()
        #expect(pauses(&pace, Array(repeating: .milliseconds(20), count: 100)) == [])
    }

    @Test func `a fast stream is read in intervals, after its beginning`() {
        var pace = ReadPace()
        #expect(pauses(&pace, Array(repeating: .milliseconds(1), count: 12)) == [8, 10, 12])
        // What has arrived in the interval is there at once.
        let arrived: [Duration] = [.milliseconds(2)] + Array(repeating: .microseconds(5), count: 18)
        #expect(pauses(&pace, arrived + [.milliseconds(1)]) == [20])
    }

    @Test func `a stream that becomes slow is read as it arrives again`() {
        var pace = ReadPace()
        #expect(pauses(&pace, Array(repeating: .milliseconds(1), count: 8)) == [8])
        #expect(pauses(&pace, Array(repeating: .milliseconds(30), count: 20)) == [])
        #expect(pauses(&pace, Array(repeating: .milliseconds(1), count: 8)) == [8])
    }

    @Test func `large chunks are read as they arrive`() {
        var pace = ReadPace()
        #expect(pauses(&pace, Array(repeating: .milliseconds(1), count: 50), bytes: 64 << 10) == [])
    }
}
