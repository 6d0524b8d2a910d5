import Modules
import Synchronization

/// How far this node's clock differs from the database's, which all nodes share.
///
/// Leases and due times are compared with the database's clock alone. Access tokens carry this node's: with a wrong
/// one, other nodes refuse them.
final class ClockMonitor: Sendable {
    /// Above it the difference is logged, and `/ready` is `degraded`.
    static let differenceMax = Duration.seconds(30)
    /// Above it the node issues no tokens.
    static let issuingDifferenceMax = Duration.minutes(2)

    private struct State {
        var difference = Duration.zero
        var isLogged = false
    }

    private let now: @Sendable () -> Instant
    private let logger: Logger
    private let database = Mutex<(any Database)?>(nil)
    private let state = Mutex(State())

    init(runtime: Runtime, logger: Logger) {
        now = runtime.now
        self.logger = logger
    }

    /// This node's clock minus the database's, as last measured; at least this far, because a slow reading counts in
    /// favour of the clock.
    var difference: Duration { state.withLock { $0.difference } }
    var isRight: Bool { difference.magnitude <= Self.differenceMax }
    var mayIssueTokens: Bool { difference.magnitude <= Self.issuingDifferenceMax }

    func use(_ database: any Database) { self.database.withLock { $0 = database } }

    /// Reads the database's clock. Keeps the last difference while the database does not answer.
    func measure() async {
        guard let database = database.withLock({ $0 }) else { return }
        let before = now()
        guard let time = try? await database.read({ $0.now }) else { return }
        note(time, between: before, and: now())
    }

    /// - Parameters:
    ///   - time: the database's, read after `before` and before `after` by this node's clock.
    func note(_ time: Instant, between before: Instant, and after: Instant) {
        let difference: Duration =
            if time < before { before - time } else if time > after { after - time } else { .zero }
        let isRight = difference.magnitude <= Self.differenceMax
        let changed = state.withLock { state in
            state.difference = difference
            defer { state.isLogged = !isRight }
            return state.isLogged == isRight
        }
        guard changed else { return }
        let metadata: Logger.Metadata = ["seconds": .stringConvertible(difference.inSeconds)]
        if isRight {
            logger.notice("this node's clock agrees with the database's again", metadata: metadata)
        } else {
            logger.error(
                "this node's clock differs from the database's: synchronise it; beyond 120 s no tokens are issued",
                metadata: metadata)
        }
    }
}

extension Duration {
    /// Without its sign.
    fileprivate var magnitude: Duration { self < .zero ? .zero - self : self }
}
