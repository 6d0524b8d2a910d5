package import Modules

/// Why a reservation has expired.
enum ExpiryCause: Sendable {
    case leaseEnded
    /// The node, in an earlier epoch than this one, ended without settling it.
    case processEnded(Node)
}

/// Settles reservations that have expired, by their policy or their resolver.
package final class ReservationRecovery: Sendable {
    private static let batchSize = 500

    private let database: any Database
    private let quotas: QuotaService
    private let nodes: NodeRegistry
    private let resolvers: ReservationResolvers
    private let logger: Logger

    init(
        database: any Database, quotas: QuotaService, nodes: NodeRegistry, resolvers: ReservationResolvers,
        logger: Logger
    ) {
        self.database = database
        self.quotas = quotas
        self.nodes = nodes
        self.resolvers = resolvers
        self.logger = logger
    }

    /// Starts a new epoch of a node before it serves. Reservations of its earlier epochs whose lifetime is that of the
    /// process are settled at once; those bound by their lease stay.
    /// - Parameter name: must be unique among the running processes.
    /// - Returns: how many reservations of earlier epochs were settled.
    @discardableResult
    package func startNode(as name: String) async throws(Problem) -> Int {
        let node = try await nodes.nextEpoch(of: name)
        let settled = try await recover(.processEnded(node))
        nodes.activate(node)
        return settled
    }

    /// Settles reservations whose lease has ended. Safe to run at any time and on several nodes at once.
    /// - Returns: how many were settled.
    @discardableResult
    package func recover() async throws(Problem) -> Int { try await recover(.leaseEnded) }

    private func recover(_ cause: ExpiryCause) async throws(Problem) -> Int {
        var total = 0
        while true {
            let count = try await database.write { [quotas] transaction in
                let expired = try transaction.expireReservations(cause, limit: Self.batchSize)
                try quotas.settle(expired, in: transaction)
                return expired.count
            }
            total += count
            if count < Self.batchSize { break }
        }
        return try await total + resolveReservations(cause)
    }

    /// Resolves each reservation in a transaction of its own: a resolver that fails does not block the others.
    private func resolveReservations(_ cause: ExpiryCause) async throws(Problem) -> Int {
        var total = 0
        var last = (Instant(microseconds: 0), "")
        while true {
            let page = try await database.read { [last] in
                try $0.reservationsToResolve(cause, after: last, limit: Self.batchSize)
            }
            for reservation in page {
                do throws(Problem) {
                    let result = try await database.write { [self] in try resolve(reservation.id, cause, in: $0) }
                    if result.isSettled { total += 1 }
                    if result.lacksResolver {
                        warn("An expired reservation has no registered resolver; its units are committed.", reservation)
                    }
                } catch {
                    warn(
                        "The resolver of an expired reservation failed; the next recovery calls it again.",
                        reservation, cause: error)
                }
            }
            guard page.count == Self.batchSize, let end = page.last else { return total }
            last = (end.leaseUntil, end.id.text)
        }
    }

    /// - Returns: whether the reservation is settled now, and whether its resolver is not registered.
    private func resolve(_ id: ID<Reservation>, _ cause: ExpiryCause, in transaction: Transaction) throws -> (
        isSettled: Bool, lacksResolver: Bool
    ) {
        guard let earlier = try transaction.expiredReservation(id, cause), let name = earlier.onExpiry.resolver else {
            return (false, false)
        }
        let resolution = try resolvers[name]?(earlier, transaction)
        var remaining: Int64 = 0
        if case .used(let units) = resolution, earlier.needsRemaining(units) {
            remaining = try quotas.remaining(for: earlier, in: transaction)
        }
        var later = earlier
        guard let effect = later.expire(resolution, remaining: remaining, at: transaction.now) else {
            return (false, false)
        }
        try quotas.write(effect, moving: earlier, to: later, in: transaction)
        if later.lifetime != earlier.lifetime { try transaction.detach(later) }
        return (later.state != .held, resolution == nil)
    }

    private func warn(_ message: Logger.Message, _ reservation: Reservation, cause: Problem? = nil) {
        var metadata: Logger.Metadata = [
            "reservation": "\(reservation.id)", "resolver": "\(reservation.onExpiry.resolver ?? "")",
            "units": "\(reservation.amount)",
            "meter": "\(reservation.bucket.meter)",
        ]
        if let cause { metadata["cause"] = "\(cause)" }
        logger.warning(message, metadata: metadata)
    }
}
