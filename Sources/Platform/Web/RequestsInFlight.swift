import Base
import HTTPTypes
import Synchronization

/// The requests under way that trusted proxies forward, by the network of their client.
///
/// A client that connects directly is bounded by ``HTTPLimits/connectionsPerNetwork``: a connection has one request at
/// once. The connections of a proxy carry the requests of many clients, so their requests are counted.
final class RequestsInFlight: Sendable {
    /// What requests are counted by.
    enum Origin: Hashable {
        case network(NetworkRange)
        /// The peer of a Unix socket that names no client.
        case unixSocket
    }

    private let limit: Int
    private let counts = Mutex<[Origin: Int]>([:])

    /// - Parameter limit: of one network.
    init(limit: Int) { self.limit = limit }

    /// Counts a request until ``end(_:)``.
    /// - Throws: `overloaded` where the network has as many requests under way as it may.
    func begin(_ origin: Origin) throws(Problem) {
        let isWithinLimit = counts.withLock { counts in
            let count = counts[origin, default: 0]
            if count < limit { counts[origin] = count + 1 }
            return count < limit
        }
        guard isWithinLimit else {
            throw Problem(
                .overloaded, detail: "Your network has \(limit) requests under way. Wait for some of them.",
                headers: ["Retry-After": "1"])
        }
    }

    func end(_ origin: Origin) {
        counts.withLock { counts in
            guard let count = counts[origin] else { return }
            counts[origin] = count > 1 ? count - 1 : nil
        }
    }
}
