import NIOCore

/// Decides how long a connection may stay silent. A value without a clock: the guard tells it what happens, and when.
struct ConnectionTimeouts {
    enum Verdict: Equatable {
        /// Nothing to do before then; nil where time does not matter.
        case fine(until: NIODeadline?)
        /// The client was too slow to say what it wants: 408.
        case tooSlow
        case close
    }

    /// An answer on its way to a client that takes it slowly.
    private struct Stall {
        var since: NIODeadline
        var bufferedBytes: Int
    }

    private let limits: HTTPLimits
    private var isFirst = true
    private var quietSince: NIODeadline
    private var headSince: NIODeadline?
    private var lastPiece: NIODeadline
    private var stall: Stall?
    private var lingersSince: NIODeadline?

    /// Requests whose answer is not complete.
    private(set) var unanswered = 0
    /// Whether more of a request that has begun is to come.
    private(set) var isReadingRequest = false

    init(limits: HTTPLimits, start: NIODeadline) {
        self.limits = limits
        quietSince = start
        lastPiece = start
    }

    /// Nothing was begun that is not finished.
    var isIdle: Bool { unanswered == 0 && headSince == nil }
    var needsBufferedBytes: Bool { stall != nil }

    mutating func headBegan(at now: NIODeadline) {
        if unanswered == 0, headSince == nil { headSince = now }
    }

    mutating func headArrived(at now: NIODeadline) {
        (headSince, isFirst, isReadingRequest, lastPiece) = (nil, false, true, now)
        unanswered += 1
    }

    mutating func pieceArrived(at now: NIODeadline) { lastPiece = now }

    mutating func requestEnded() { isReadingRequest = false }

    mutating func answered(at now: NIODeadline) {
        unanswered -= 1
        quietSince = now
    }

    /// The client does not take what is written for it.
    mutating func writeWaits(at now: NIODeadline, bufferedBytes: Int) {
        if stall == nil { stall = Stall(since: now, bufferedBytes: bufferedBytes) }
    }

    mutating func writeGoesOn(at now: NIODeadline) {
        (stall, quietSince) = (nil, now)
    }

    /// Everything is said; the client may still be sending.
    mutating func lingers(at now: NIODeadline) {
        (stall, lingersSince) = (nil, now)
    }

    /// - Parameters:
    ///   - awaited: since when somebody waits for more of a body.
    ///   - bufferedBytes: written but not yet taken by the socket; looked at only while ``needsBufferedBytes``.
    mutating func verdict(at now: NIODeadline, bodyAwaitedSince awaited: NIODeadline?, bufferedBytes: Int) -> Verdict {
        if let lingersSince { return Self.due(lingersSince, limits.lingerTime, now, .close) }
        if var stall {
            if bufferedBytes < stall.bufferedBytes { stall.since = now }
            stall.bufferedBytes = bufferedBytes
            self.stall = stall
            let limit = TimeAmount(limits.writeStallTime)
            // Looked at more often than the limit, since only a look can tell that bytes were taken.
            return now >= stall.since + limit ? .close : .fine(until: now + .nanoseconds(max(limit.nanoseconds / 4, 1)))
        }
        if unanswered > 0 {
            guard isReadingRequest else { return .fine(until: nil) }
            guard let awaited else { return .fine(until: now + TimeAmount(limits.bodyStallTime)) }
            return Self.due(max(awaited, lastPiece), limits.bodyStallTime, now, .tooSlow)
        }
        if let headSince { return Self.due(headSince, limits.headerTime, now, .tooSlow) }
        return Self.due(quietSince, isFirst ? limits.headerTime : limits.idleTime, now, .close)
    }

    private static func due(_ since: NIODeadline, _ time: Duration, _ now: NIODeadline, _ verdict: Verdict) -> Verdict {
        let end = since + TimeAmount(time)
        return now >= end ? verdict : .fine(until: end)
    }
}
