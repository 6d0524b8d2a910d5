import Forecasting
import Modules
import Synchronization

/// The progress of a run that is not forwarded yet: the newest report, and every epoch.
final class PendingProgress: Sendable {
    private struct State {
        var newest: RunProgress?
        var epochs: [EpochReport] = []
        var forwardedAt: ContinuousClock.Instant?
        var phase: String?
    }

    private let state = Mutex(State())

    /// Reports within a phase are forwarded this often; an epoch and a new phase at once.
    private static let interval = Duration.milliseconds(250)

    func add(_ progress: RunProgress) {
        state.withLock { state in
            state.newest = progress
            if let epoch = progress.epoch { state.epochs.append(epoch) }
        }
    }

    /// - Returns: nil where there is nothing to forward, or not yet.
    func take() -> (progress: RunProgress, epochs: [EpochReport])? {
        state.withLock { state in
            guard let newest = state.newest else { return nil }
            let isDue = state.forwardedAt.map { ContinuousClock.now - $0 >= Self.interval } ?? true
            guard isDue || !state.epochs.isEmpty || newest.phase != state.phase else { return nil }
            defer { (state.newest, state.epochs, state.forwardedAt) = (nil, [], .now) }
            state.phase = newest.phase
            return (newest, state.epochs)
        }
    }
}
