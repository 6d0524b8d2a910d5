import Base

@testable import Identity

/// A session and its audit rows in memory: the state machine of ``Session``, optionally with a fault.
struct InMemorySession: Sendable {
    enum Fault: String, CaseIterable, Sendable {
        case omitsAudit, acceptsAfterRevocation, ignoresReuse, replaysWithoutLimit, neverReplays, decrementsCounter,
            issuesTwoSuccessors, neverExpires
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
            counter: fault == .decrementsCounter && session.counter > 2 ? 5 - session.counter : session.counter,
            isRevoked: session.revokedAt != nil,
            endingsAudited: endingsAudited)
    }

    /// - Returns: the counter of the successor; nil when the token is refused.
    mutating func present(_ counter: Int64, at now: Instant) -> Int64? {
        if fault == .acceptsAfterRevocation, session.revokedAt != nil { return session.counter }
        if fault == .neverExpires, session.revokedAt == nil, !session.isLive(at: now) { return session.counter }
        let expected = session.move(presenting: counter, at: now)
        if fault == .ignoresReuse, expected == .reuse { return nil }
        if fault == .replaysWithoutLimit, expected == .reuse, counter == session.counter - 1 { return session.counter }
        if fault == .neverReplays, expected == .replay { return nil }
        switch session.present(counter, at: now) {
        case .rotate: return session.counter
        case .replay:
            guard fault == .issuesTwoSuccessors else { return session.counter }
            lateSuccessors += 1
            return session.counter + 1_000_000 * lateSuccessors
        case .reuse:
            if fault != .omitsAudit { endingsAudited += 1 }
            return nil
        case .ended: return nil
        }
    }

    mutating func end(at now: Instant) { if session.end(at: now) { endingsAudited += 1 } }

    /// - Returns: the invariant that `event` violates.
    mutating func apply(_ event: SessionEvent, to reference: inout ReferenceSession<Int64>) -> String? {
        let action = reference.action(for: event)
        let before = view
        var successor: Int64?
        switch action {
        case .present(let token, _): successor = present(token, at: reference.now)
        case .crash, .nothing: break
        case .logout, .passwordChange: end(at: reference.now)
        }
        return reference.check(event, action, successor: successor, from: before, to: view)
    }

    /// - Returns: the first invariant that a schedule violates.
    static func violation(by schedule: [SessionEvent], fault: Fault? = nil) -> String? {
        let start = Instant(seconds: 1_769_860_800)
        var session = InMemorySession(at: start, fault: fault)
        var reference = ReferenceSession<Int64>(first: 0, at: start)
        for event in schedule {
            if let violation = session.apply(event, to: &reference) { return violation }
        }
        return nil
    }

    /// - Returns: the schedule without the events that its violation does not need.
    static func shrunk(_ schedule: [SessionEvent], fault: Fault? = nil) -> [SessionEvent] {
        var schedule = schedule
        var index = 0
        while index < schedule.count {
            var shorter = schedule
            shorter.remove(at: index)
            if violation(by: shorter, fault: fault) != nil { schedule = shorter } else { index += 1 }
        }
        return schedule
    }
}
