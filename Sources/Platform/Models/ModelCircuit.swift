package import Base

/// Whether requests are sent to a service: not for a while after it has failed several times in a row, and then one
/// whose end decides.
package struct ModelCircuit: Sendable, Hashable {
    package enum State: Sendable, Hashable {
        /// Requests are sent; so many have failed in a row.
        case closed(failures: Int)
        case open(until: Instant)
        /// One request is under way, and no other is sent.
        case halfOpen
    }

    package private(set) var state = State.closed(failures: 0)

    /// Failures in a row that open it.
    package static let failuresMax = 5
    package static let pause: Duration = .seconds(30)
    /// Of a service that asks for a longer pause.
    package static let pauseMax: Duration = .minutes(5)

    package init() {}

    /// - Returns: whether a request may be sent. Then its end is told to one of the following methods.
    package mutating func admit(at now: Instant) -> Bool {
        switch state {
        case .closed: return true
        case .open(let until) where now >= until:
            state = .halfOpen
            return true
        case .open, .halfOpen: return false
        }
    }

    /// The service has answered, or refused the request for what it is.
    package mutating func succeed() { state = .closed(failures: 0) }

    /// - Parameter retryAfter: the pause that the service asks for.
    package mutating func fail(at now: Instant, retryAfter: Duration?) {
        let until = now + min(max(retryAfter ?? Self.pause, Self.pause), Self.pauseMax)
        switch state {
        case .closed(let failures) where failures + 1 < Self.failuresMax: state = .closed(failures: failures + 1)
        case .closed, .halfOpen: state = .open(until: until)
        // Of a request that began before.
        case .open: break
        }
    }

    /// The request ended without telling anything of the service.
    package mutating func abandon(at now: Instant) {
        if case .halfOpen = state { state = .open(until: now) }
    }
}
