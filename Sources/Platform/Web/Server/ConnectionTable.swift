import Base
import NIOCore
import Synchronization

/// The open connections of a server, all together and by network.
///
/// A connection beyond a limit is accepted and restricted: it answers health checks alone. Restricted connections are
/// few, and a new one closes the oldest of them, so that a health check is answered also during a flood of connections.
final class ConnectionTable: Sendable {
    private struct State {
        var open = 0
        var byNetwork: [NetworkRange: Int] = [:]
        /// In the order of their arrival.
        var restricted: [any Channel] = []
    }

    private let limits: HTTPLimits
    private let proxies: TrustedProxies
    private let state = Mutex(State())

    /// - Parameter proxies: their connections carry the requests of many clients, and are not counted by network.
    init(limits: HTTPLimits, proxies: TrustedProxies) {
        self.limits = limits
        self.proxies = proxies
    }

    /// The network of a client that connects directly; nil for a trusted proxy and a Unix socket.
    func network(of peer: String) -> NetworkRange? { proxies.trusts(peer) ? nil : NetworkAddress(peer)?.network }

    /// Counts a connection until it is closed.
    /// - Parameter network: as by ``network(of:)``.
    /// - Returns: whether the connection is restricted.
    func add(_ channel: any Channel, from network: NetworkRange?) -> Bool {
        let (isRestricted, evicted) = state.withLock { state -> (Bool, (any Channel)?) in
            let ofNetwork = network.map { state.byNetwork[$0, default: 0] } ?? 0
            if state.open < limits.connections, ofNetwork < limits.connectionsPerNetwork {
                state.open += 1
                if let network { state.byNetwork[network] = ofNetwork + 1 }
                return (false, nil)
            }
            state.restricted.append(channel)
            let isOneTooMany = state.restricted.count > max(1, limits.restrictedConnections)
            return (true, isOneTooMany ? state.restricted.removeFirst() : nil)
        }
        evicted?.close(promise: nil)
        channel.closeFuture.whenComplete { _ in
            if isRestricted { self.removeRestricted(channel) } else { self.remove(network) }
        }
        return isRestricted
    }

    private func remove(_ network: NetworkRange?) {
        state.withLock { state in
            state.open -= 1
            guard let network, let count = state.byNetwork[network] else { return }
            state.byNetwork[network] = count > 1 ? count - 1 : nil
        }
    }

    private func removeRestricted(_ channel: any Channel) {
        state.withLock { state in state.restricted.removeAll { $0 === channel } }
    }
}
