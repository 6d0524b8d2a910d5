import Base

@testable import Identity

/// A reference model of one session. It derives the expected results from the presented tokens and their times, not
/// from the state of the session.
struct ReferenceSession<Token: Hashable & Sendable>: Sendable {
    /// The action of an event.
    enum Action: Sendable {
        case present(Token, isReceived: Bool)
        case crash(Token)
        case logout
        case passwordChange
        case nothing
    }

    private(set) var now: Instant
    private let createdAt: Instant
    private let first: Token
    private var owner: [Token]
    private var attacker: Token?
    /// The token that has not been rotated yet.
    private var current: Token
    private var lastRotated: Instant
    /// The token that was rotated to the current one, and the time of its first rotation.
    private var previous: (token: Token, at: Instant)?

    init(first: Token, at now: Instant) {
        self.now = now
        self.first = first
        createdAt = now
        lastRotated = now
        owner = [first]
        current = first
    }

    mutating func action(for event: SessionEvent) -> Action {
        now = now + event.wait
        switch event {
        case .refresh: return .present(latest, isReceived: true)
        case .lostResponse: return .present(latest, isReceived: false)
        case .crash: return .crash(latest)
        case .previousToken: return .present(owner.dropLast().last ?? first, isReceived: true)
        case .firstToken: return .present(first, isReceived: true)
        case .copyToken:
            attacker = latest
            return .nothing
        case .attackerRefresh: return attacker.map { .present($0, isReceived: true) } ?? .nothing
        case .logout: return .logout
        case .passwordChange: return .passwordChange
        case .waitWithinWindow, .waitPastWindow, .waitForWeeks: return .nothing
        }
    }

    private var latest: Token { owner.last ?? first }

    /// Checks the result of an event.
    /// - Parameter successor: the refresh token in the response to a presented token.
    /// - Returns: the violated invariant as a sentence; nil when all hold.
    mutating func check(
        _ event: SessionEvent, _ action: Action, successor: Token?, from before: SessionView, to after: SessionView
    ) -> String? {
        if after.counter < before.counter || after.counter > before.counter + 1 {
            return "counters never move back, nor by more than one"
        }
        if before.isRevoked, !after.isRevoked { return "a revoked session stays revoked" }
        if after.endingsAudited != (after.isRevoked ? 1 : 0) { return "every revocation has an audit row" }
        switch action {
        case .present(let token, let isReceived):
            if let violation = check(token, successor, before, after) { return violation }
            if isReceived, let successor { receive(successor, event) }
        case .crash, .nothing: if after != before { return "an event without a commit changes nothing" }
        case .logout, .passwordChange:
            if after.counter != before.counter { return "only a refresh changes the counter" }
        }
        return nil
    }

    private mutating func check(_ token: Token, _ successor: Token?, _ before: SessionView, _ after: SessionView)
        -> String?
    {
        if before.isRevoked {
            return successor == nil && after == before ? nil : "no token is accepted after revocation"
        }
        if now >= min(createdAt + Session.absoluteLifetime, lastRotated + Session.idleLifetime) {
            return successor == nil && after == before ? nil : "no token is accepted after the session's end"
        }
        if token == current {
            guard let successor, successor != current, after.counter == before.counter + 1, !after.isRevoked else {
                return "the current token is accepted"
            }
            (previous, current, lastRotated) = ((token, now), successor, now)
            return nil
        }
        if let previous, token == previous.token, now - previous.at <= Session.replayWindow {
            guard let successor, !after.isRevoked else {
                return "a lost response within the window does not end the session"
            }
            return successor == current && after.counter == before.counter ? nil : "there is at most one live successor"
        }
        // The token was rotated before the window: two parties have it.
        return successor == nil && after.isRevoked ? nil : "a copied token is detected one window after its first use"
    }

    private mutating func receive(_ token: Token, _ event: SessionEvent) {
        if event == .attackerRefresh { attacker = token } else if token != latest { owner.append(token) }
    }
}
