import Base
import Synchronization

/// Clients that connect to one address of one host, so that connections stay open for later requests. The ones that
/// were not used for longest are released.
final class PinnedClients: Sendable {
    static let countMax = 64

    private struct Key: Hashable {
        let host: String
        let address: NetworkAddress
    }

    private struct State {
        var clients: [Key: (client: OutboundClient, used: UInt64)] = [:]
        var uses: UInt64 = 0
    }

    private let state = Mutex(State())

    func client(of host: String, at address: NetworkAddress) -> OutboundClient {
        let key = Key(host: host, address: address)
        return state.withLock { state in
            state.uses += 1
            let client = state.clients[key]?.client ?? OutboundClient(host: host, at: address)
            state.clients[key] = (client, state.uses)
            if state.clients.count > Self.countMax,
                let oldest = state.clients.min(by: { $0.value.used < $1.value.used })
            {
                state.clients[oldest.key] = nil
            }
            return client
        }
    }
}
