import NIOCore

/// The timeouts of one connection, as a value without a clock: the caller passes events and their times.
struct ConnectionTimeouts {
    enum Verdict: Equatable {
        /// No timeout before that time; nil where none applies.
        case wait(until: NIODeadline?)
        /// The request did not arrive in time: 408.
        case requestTimeout
        case close
    }

    /// A response that the client reads slowly.
    private struct Stall {
        var since: NIODeadline
        var bufferedBytes: Int
    }

    private let limits: HTTPLimits
    private var isFirstRequest = true
    private var idleSince: NIODeadline
    private var headSince: NIODeadline?
    private var lastChunk: NIODeadline
    /// Of the current body: the time for which handlers waited for the chunks that have arrived.
    private var bodyWait = TimeAmount.zero
    private var bodyBytes = 0
    private var stall: Stall?
    private var lingersSince: NIODeadline?

    /// Requests without a complete response.
    private(set) var unanswered = 0
    /// Whether the head of a request has arrived and its end has not.
    private(set) var isReadingRequest = false

    init(limits: HTTPLimits, start: NIODeadline) {
        self.limits = limits
        idleSince = start
        lastChunk = start
    }

    /// No request is under way.
    var isIdle: Bool { unanswered == 0 && headSince == nil }
    var needsBufferedBytes: Bool { stall != nil }

    mutating func headBegan(at now: NIODeadline) {
        if unanswered == 0, headSince == nil { headSince = now }
    }

    mutating func headArrived(at now: NIODeadline) {
        (headSince, isFirstRequest, isReadingRequest, lastChunk) = (nil, false, true, now)
        (bodyWait, bodyBytes) = (.zero, 0)
        unanswered += 1
    }

    /// - Parameter awaited: since when a handler has been waiting for a part of the body.
    mutating func chunkArrived(_ bytes: Int, at now: NIODeadline, bodyAwaitedSince awaited: NIODeadline?) {
        if let awaited { bodyWait = bodyWait + (now - max(awaited, lastChunk)) }
        bodyBytes += bytes
        lastChunk = now
    }

    mutating func requestEnded() { isReadingRequest = false }

    mutating func answered(at now: NIODeadline) {
        unanswered -= 1
        idleSince = now
    }

    /// The socket is not writable.
    mutating func writeStalled(at now: NIODeadline, bufferedBytes: Int) {
        if stall == nil { stall = Stall(since: now, bufferedBytes: bufferedBytes) }
    }

    mutating func writeResumed(at now: NIODeadline) {
        (stall, idleSince) = (nil, now)
    }

    /// The last response is sent, and the client may still be sending.
    mutating func lingering(at now: NIODeadline) {
        (stall, lingersSince) = (nil, now)
    }

    /// - Parameters:
    ///   - awaited: since when a handler has been waiting for a part of the body.
    ///   - bufferedBytes: written and not yet taken by the socket; read only while ``needsBufferedBytes``.
    mutating func verdict(at now: NIODeadline, bodyAwaitedSince awaited: NIODeadline?, bufferedBytes: Int) -> Verdict {
        if let lingersSince { return Self.due(lingersSince, limits.lingerTimeout, now, .close) }
        if var stall {
            if bufferedBytes < stall.bufferedBytes { stall.since = now }
            stall.bufferedBytes = bufferedBytes
            self.stall = stall
            let limit = TimeAmount(limits.writeTimeout)
            // Only a comparison of the buffered bytes shows progress, so they are compared four times per limit.
            return now >= stall.since + limit ? .close : .wait(until: now + .nanoseconds(max(limit.nanoseconds / 4, 1)))
        }
        if unanswered > 0 {
            guard isReadingRequest else { return .wait(until: nil) }
            let readTimeout = TimeAmount(limits.bodyReadTimeout)
            guard let awaited else { return .wait(until: now + min(readTimeout, bodyWaitMax)) }
            let end = max(awaited, lastChunk) + min(readTimeout, bodyWaitMax - bodyWait)
            return now >= end ? .requestTimeout : .wait(until: end)
        }
        if let headSince { return Self.due(headSince, limits.headerTimeout, now, .requestTimeout) }
        return Self.due(idleSince, isFirstRequest ? limits.headerTimeout : limits.idleTimeout, now, .close)
    }

    /// The time for which handlers may wait for the current body altogether: it grows with every byte that arrives.
    private var bodyWaitMax: TimeAmount {
        let seconds = Int64(bodyBytes / max(1, limits.bodyBytesPerSecondMin))
        return min(TimeAmount(limits.bodyTimeout), TimeAmount(limits.bodyRateGrace) + .seconds(seconds))
    }

    private static func due(_ since: NIODeadline, _ time: Duration, _ now: NIODeadline, _ verdict: Verdict) -> Verdict {
        let end = since + TimeAmount(time)
        return now >= end ? verdict : .wait(until: end)
    }
}
