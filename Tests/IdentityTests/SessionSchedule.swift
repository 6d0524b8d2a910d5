import Base
import TestKit

@testable import Identity

/// What can happen to one session, by its owner, a thief, and the world around them.
enum SessionEvent: String, CaseIterable, Sendable {
    /// The owner presents their latest token, and the answer arrives.
    case refresh
    /// The same, but the process dies between the commit and the answer.
    case lostAnswer
    /// The same, but the process dies before the commit.
    case crash
    /// Another tab of the owner presents the token before the latest.
    case previous
    /// The very first token comes once more.
    case older
    /// The thief copies the owner's latest token.
    case steal
    /// The thief presents the latest token that they have.
    case thiefRefresh
    case logout
    /// The owner's other session ends this one, as changing the password does.
    case passwordChange
    case waitWithinWindow, waitPastWindow, waitForWeeks

    var wait: Duration {
        switch self {
        case .waitWithinWindow: Session.replayWindow / 3
        case .waitPastWindow: Session.replayWindow + .seconds(1)
        case .waitForWeeks: Session.idleLifetime / 2 + .hours(1)
        default: .zero
        }
    }
}

/// What can be seen of a session from outside.
struct SessionView: Equatable, Sendable {
    var counter: Int64
    var isRevoked: Bool
    /// Audit rows that tell of its end.
    var endingsAudited: Int
}

/// One session's story as it is told, with books of its own: what it expects is worked out from who presented what and when, and not
/// from what the session remembers.
struct SessionStory<Token: Hashable & Sendable>: Sendable {
    /// What an event comes to.
    enum Request: Sendable {
        case present(Token, arrives: Bool)
        case crash(Token)
        case logout
        case passwordChange
        case nothing
    }

    private(set) var now: Instant
    private let began: Instant
    private let first: Token
    private var owner: [Token]
    private var thief: Token?
    /// The one token that has not been traded yet.
    private var tip: Token
    private var lastTraded: Instant
    /// For which token the tip was given, and when for the first time.
    private var parent: (token: Token, at: Instant)?

    init(first: Token, at now: Instant) {
        self.now = now
        self.first = first
        began = now
        lastTraded = now
        owner = [first]
        tip = first
    }

    mutating func request(for event: SessionEvent) -> Request {
        now = now + event.wait
        switch event {
        case .refresh: return .present(latest, arrives: true)
        case .lostAnswer: return .present(latest, arrives: false)
        case .crash: return .crash(latest)
        case .previous: return .present(owner.dropLast().last ?? first, arrives: true)
        case .older: return .present(first, arrives: true)
        case .steal:
            thief = latest
            return .nothing
        case .thiefRefresh: return thief.map { .present($0, arrives: true) } ?? .nothing
        case .logout: return .logout
        case .passwordChange: return .passwordChange
        case .waitWithinWindow, .waitPastWindow, .waitForWeeks: return .nothing
        }
    }

    private var latest: Token { owner.last ?? first }

    /// Looks whether what happened is what may happen.
    /// - Parameter answer: the token that was given for one presented.
    /// - Returns: the promise that was broken, in a sentence.
    mutating func judge(
        _ event: SessionEvent, _ request: Request, answer: Token?, from before: SessionView, to after: SessionView
    ) -> String? {
        if after.counter < before.counter || after.counter > before.counter + 1 {
            return "counters never move back, nor by more than one"
        }
        if before.isRevoked, !after.isRevoked { return "what is revoked stays revoked" }
        if after.endingsAudited != (after.isRevoked ? 1 : 0) { return "every revocation has an audit row" }
        switch request {
        case .present(let token, let arrives):
            if let broken = judge(token, answer, before, after) { return broken }
            if arrives, let answer { receive(answer, event) }
        case .crash, .nothing: if after != before { return "what did not happen changes nothing" }
        case .logout, .passwordChange: if after.counter != before.counter { return "counters move by refreshing alone" }
        }
        return nil
    }

    private mutating func judge(_ token: Token, _ answer: Token?, _ before: SessionView, _ after: SessionView)
        -> String?
    {
        if before.isRevoked { return answer == nil && after == before ? nil : "no token is accepted after revocation" }
        if now >= min(began + Session.absoluteLifetime, lastTraded + Session.idleLifetime) {
            return answer == nil && after == before ? nil : "no token is accepted after the session's end"
        }
        if token == tip {
            guard let answer, answer != tip, after.counter == before.counter + 1, !after.isRevoked else {
                return "the current token is good"
            }
            (parent, tip, lastTraded) = ((token, now), answer, now)
            return nil
        }
        if let parent, token == parent.token, now - parent.at <= Session.replayWindow {
            guard let answer, !after.isRevoked else {
                return "nobody is signed out while answers are lost within the window"
            }
            return answer == tip && after.counter == before.counter ? nil : "there is at most one live successor"
        }
        // Somebody traded this token before, and not just now: two parties have it.
        return answer == nil && after.isRevoked ? nil : "a copy of a token is found out one window after its first use"
    }

    private mutating func receive(_ token: Token, _ event: SessionEvent) {
        if event == .thiefRefresh { thief = token } else if token != latest { owner.append(token) }
    }
}

/// A session and its audit trail without a database: the pure state machine, and ways in which it could be wrong.
struct ModelSession: Sendable {
    enum Fault: String, CaseIterable, Sendable {
        case forgetsAudit, acceptsAfterRevocation, accusesNobody, replaysForEver, replaysNothing, movesBack,
            makesTwoSuccessors, livesForEver
    }

    private var session: Session
    private var endingsAudited = 0
    private var lateSuccessors: Int64 = 0
    let fault: Fault?

    init(at now: Instant, fault: Fault? = nil) {
        session = Session(
            ID(trusted: "0194c0de-0000-7000-8000-000000000001"),
            of: ID(trusted: "0194c0de-0000-7000-8000-000000000002"),
            in: ID(trusted: "0194c0de-0000-7000-8000-000000000003"), sealedKey: "", at: now)
        self.fault = fault
    }

    var view: SessionView {
        SessionView(
            counter: fault == .movesBack && session.counter > 2 ? 5 - session.counter : session.counter,
            isRevoked: session.revokedAt != nil,
            endingsAudited: endingsAudited)
    }

    /// - Returns: the successor, where there is one.
    mutating func present(_ counter: Int64, at now: Instant) -> Int64? {
        if fault == .acceptsAfterRevocation, session.revokedAt != nil { return session.counter }
        if fault == .livesForEver, session.revokedAt == nil, !session.isLive(at: now) { return session.counter }
        let expected = session.move(presenting: counter, at: now)
        if fault == .accusesNobody, expected == .reuse { return nil }
        if fault == .replaysForEver, expected == .reuse, counter == session.counter - 1 { return session.counter }
        if fault == .replaysNothing, expected == .replay { return nil }
        switch session.present(counter, at: now) {
        case .rotate: return session.counter
        case .replay:
            guard fault == .makesTwoSuccessors else { return session.counter }
            lateSuccessors += 1
            return session.counter + 1_000_000 * lateSuccessors
        case .reuse:
            if fault != .forgetsAudit { endingsAudited += 1 }
            return nil
        case .ended: return nil
        }
    }

    mutating func end(at now: Instant) { if session.end(at: now) { endingsAudited += 1 } }

    /// - Returns: the promise that `event` broke.
    mutating func play(_ event: SessionEvent, in story: inout SessionStory<Int64>) -> String? {
        let request = story.request(for: event)
        let before = view
        var answer: Int64?
        switch request {
        case .present(let token, _): answer = present(token, at: story.now)
        case .crash, .nothing: break
        case .logout, .passwordChange: end(at: story.now)
        }
        return story.judge(event, request, answer: answer, from: before, to: view)
    }

    /// Plays a whole schedule from the beginning.
    static func broken(by schedule: [SessionEvent], fault: Fault? = nil) -> String? {
        let start = Instant(seconds: 1_769_860_800)
        var (model, story) = (ModelSession(at: start, fault: fault), SessionStory<Int64>(first: 0, at: start))
        for event in schedule {
            if let promise = model.play(event, in: &story) { return promise }
        }
        return nil
    }

    /// The schedule without every event that its failure does not need.
    static func shrunk(_ schedule: [SessionEvent], fault: Fault? = nil) -> [SessionEvent] {
        var schedule = schedule
        var index = 0
        while index < schedule.count {
            var shorter = schedule
            shorter.remove(at: index)
            if broken(by: shorter, fault: fault) != nil { schedule = shorter } else { index += 1 }
        }
        return schedule
    }
}

extension SplitMix {
    mutating func schedule(of length: Int) -> [SessionEvent] {
        (0..<length).map { _ in SessionEvent.allCases[Int(next() % UInt64(SessionEvent.allCases.count))] }
    }
}
