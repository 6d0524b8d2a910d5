import Base
import Synchronization

/// The memory that collected bodies take, of all connections together and by network.
final class BodyMemory: Sendable {
    private struct State {
        var total = 0
        var byNetwork: [NetworkRange: Int] = [:]
    }

    private let limits: HTTPLimits
    private let state = Mutex(State())

    init(limits: HTTPLimits) { self.limits = limits }

    /// - Parameter network: nil for a trusted proxy.
    /// - Returns: false where the bodies would exceed a limit; nothing is reserved then.
    func reserve(_ bytes: Int, for network: NetworkRange?) -> Bool {
        state.withLock { state in
            let ofNetwork = network.map { state.byNetwork[$0, default: 0] } ?? 0
            guard state.total + bytes <= limits.bodyMemoryBytes,
                network == nil || ofNetwork + bytes <= limits.bodyMemoryBytesPerNetwork
            else { return false }
            state.total += bytes
            if let network { state.byNetwork[network] = ofNetwork + bytes }
            return true
        }
    }

    func release(_ bytes: Int, for network: NetworkRange?) {
        guard bytes > 0 else { return }
        state.withLock { state in
            state.total -= bytes
            guard let network, let count = state.byNetwork[network] else { return }
            state.byNetwork[network] = count > bytes ? count - bytes : nil
        }
    }

    var reservedBytes: Int { state.withLock { $0.total } }
}
