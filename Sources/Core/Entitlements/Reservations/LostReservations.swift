package import Modules
import Synchronization

/// Why nobody is left to speak for a reservation.
enum LossCause: Sendable {
    case leaseEnded
    /// An earlier life of this node left it behind.
    case processDied(Node)
}

/// Who is asked what became of work whose reservation was lost: by the name that the reservation was made with (``Reservation/Loss/ask(_:)``).
///
/// ```swift
/// entitlements.witnesses.register("letters") { reservation, transaction in
///     try transaction.letter(of: reservation.id).map { .used($0.pages) } ?? .nothing
/// }
/// ```
package final class ReservationResolvers: Sendable {
    /// Answers in the transaction that settles the reservation, which is locked: it reads what it needs to know, and asks nobody outside. Where it
    /// throws, nothing has happened, the units stay held, and it is asked again with the next sweep.
    package typealias Witness = @Sendable (Reservation, Transaction) throws -> Reservation.Fate

    private let all = Mutex<[String: Witness]>([:])

    package init() {}

    /// Before the process serves, in each process that may find such a reservation: in the initializer of the module that makes it.
    /// - Parameter name: the program's own, for good: it is written down with each reservation.
    package func register(_ name: String, _ witness: @escaping Witness) {
        let earlier = all.withLock { $0.updateValue(witness, forKey: name) }
        precondition(earlier == nil, "two would answer to the name '\(name)'")
    }

    fileprivate subscript(name: String) -> Witness? { all.withLock { $0[name] } }
}

extension Reservation.Loss {
    /// As it is written down; what holds where nobody answers to the name of the witness.
    var policy: String { self == .release ? "release" : "settle" }

    var witness: String? {
        guard case .ask(let name) = self else { return nil }
        return name
    }
}

extension EntitlementsModule {
    /// Settles reservations whose lease ran out: their units are free again, or used where that was agreed, or whatever the witness says.
    /// - Returns: how many were settled.
    @discardableResult
    package func recover() async throws(Problem) -> Int { try await recover(.leaseEnded) }

    /// As ``recover()``, with what an earlier life of this node left behind.
    func recover(orphansOf node: Node) async throws(Problem) -> Int { try await recover(.processDied(node)) }

    private static let batch = 500

    private func recover(_ loss: LossCause) async throws(Problem) -> Int {
        var total = 0
        while true {
            let count = try await database.write { transaction in
                let lost = try transaction.loseReservations(loss, limit: Self.batch)
                try settle(lost, in: transaction)
                return lost.count
            }
            total += count
            if count < Self.batch { break }
        }
        return try await total + askWitnesses(loss)
    }

    /// Each in a transaction of its own, so that a witness who fails keeps nobody else's units.
    private func askWitnesses(_ loss: LossCause) async throws(Problem) -> Int {
        var total = 0
        var last = (Instant(microseconds: 0), "")
        while true {
            let page = try await database.read { [last] in
                try $0.reservationsToAskAfter(loss, after: last, limit: Self.batch)
            }
            for lost in page {
                do throws(Problem) {
                    let outcome = try await database.write { try askWitness(of: lost.id, loss, in: $0) }
                    if outcome.isSettled { total += 1 }
                    if outcome.isUnwitnessed {
                        note("Nobody answers for a lost reservation; its units count as used.", lost)
                    }
                } catch {
                    note(
                        "What became of a lost reservation could not be asked; its units stay held, and it is asked again.",
                        lost, cause: error)
                }
            }
            guard page.count == Self.batch, let end = page.last else { return total }
            last = (end.leaseUntil, end.id.text)
        }
    }

    /// - Returns: whether it is settled now, and whether it is because nobody answers to the name.
    private func askWitness(of id: ID<Reservation>, _ loss: LossCause, in transaction: Transaction) throws -> (
        isSettled: Bool, isUnwitnessed: Bool
    ) {
        guard let earlier = try transaction.lostReservation(id, loss), let name = earlier.loss.witness else {
            return (false, false)
        }
        let fate = try reservationResolvers[name]?(earlier, transaction)
        var room: Int64 = 0
        if case .used(let units) = fate, earlier.asksForRoom(units) {
            room = try self.room(for: earlier, in: transaction)
        }
        var later = earlier
        guard let effect = later.lose(fate, room: room, at: transaction.now) else { return (false, false) }
        try write(effect, moving: earlier, to: later, in: transaction)
        if later.life != earlier.life { try transaction.disown(later) }
        return (later.state != .held, fate == nil)
    }

    private func note(_ message: Logger.Message, _ reservation: Reservation, cause: Problem? = nil) {
        var metadata: Logger.Metadata = [
            "reservation": "\(reservation.id)", "witness": "\(reservation.loss.witness ?? "")",
            "units": "\(reservation.amount)",
            "meter": "\(reservation.bucket.meter)",
        ]
        if let cause { metadata["cause"] = "\(cause)" }
        plans.logger.warning(message, metadata: metadata)
    }

    /// Tells the buckets of reservations that were lost, in the order in which everybody locks them.
    private func settle(_ lost: [Reservation], in transaction: Transaction) throws {
        for reservation in lost where reservation.state == .committed {
            try insertUsage(Reservation.Effect(used: reservation.amount), of: reservation, in: transaction)
        }
        for (bucket, reservations) in Dictionary(grouping: lost, by: \.bucket).sorted(by: {
            $0.key.lockKey < $1.key.lockKey
        }) {
            let held = reservations.reduce(0) { $0 + $1.amount }
            let used = reservations.reduce(0) { $0 + ($1.actual ?? 0) }
            try change(bucket, held: held, used: used, in: transaction)
        }
    }
}
