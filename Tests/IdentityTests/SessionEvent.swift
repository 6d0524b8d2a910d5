import Base
import TestKit

@testable import Identity

/// An event in the life of one session: a request of its owner or of an attacker, a failure, or the passage of time.
enum SessionEvent: String, CaseIterable, Sendable {
    /// The owner presents their latest token and receives the response.
    case refresh
    /// The same, but the process ends between the commit and the response.
    case lostResponse
    /// The same, but the process ends before the commit.
    case crash
    /// Another browser tab of the owner presents the token before the latest.
    case previousToken
    /// The owner presents the first token again.
    case firstToken
    /// The attacker copies the owner's latest token.
    case copyToken
    /// The attacker presents their latest token.
    case attackerRefresh
    case logout
    /// Another session of the owner ends this one, as a password change does.
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

/// The observable state of a session.
struct SessionView: Equatable, Sendable {
    var counter: Int64
    var isRevoked: Bool
    /// The number of audit rows of its end.
    var endingsAudited: Int
}

extension SplitMix {
    mutating func schedule(of length: Int) -> [SessionEvent] {
        (0..<length).map { _ in SessionEvent.allCases[Int(next() % UInt64(SessionEvent.allCases.count))] }
    }
}
