import Base
import Identity
import Modules

@testable import Entitlements

/// A reference model of reservations: a list of holds and a count per bucket. It shares no code with the service.
struct ReservationModel: Sendable {
    struct Hold: Sendable {
        let id: ID<Reservation>
        let key: String
        let fingerprint: String
        let bucket: Bucket
        let amount: Int64
        var terms: Reservation.Terms
        /// The epoch of the node at the reservation.
        let epoch: Int
        var state = "held"
        var fence: Int64 = 1
        var leaseUntil: Instant
    }

    let limit: Int64
    var now: Instant
    var epoch = 0
    var holds: [Hold] = []
    var used: [Bucket: Int64] = [:]
    var beyond: [Bucket: Int64] = [:]
    var spent: [String: (meter: String, units: Int64)] = [:]

    /// Units of all holds in the state `held`.
    var held: [Bucket: Int64] = [:]

    func freeUnits(in bucket: Bucket) -> Int64 { limit - used[bucket, default: 0] - held[bucket, default: 0] }

    /// - Returns: the result of the service: `ok`, or the code of a refusal.
    mutating func reserve(
        _ charges: [Charge], keys: [String], _ fingerprint: String, _ terms: Reservation.Terms, ids: [ID<Reservation>]?
    ) -> String {
        let earlier = keys.map { key in holds.first { $0.key == key } }
        if earlier.contains(where: { $0 != nil }) {
            for (charge, hold) in zip(charges, earlier) where hold == nil { releaseEndedLeases(for: charge) }
            for (charge, hold) in zip(charges, earlier) {
                guard let hold, hold.fingerprint == fingerprint, hold.amount == charge.units,
                    hold.bucket.meter == charge.meter.name
                else {
                    return "operation-conflict"
                }
            }
            return ids == nil || ids == earlier.compactMap { $0?.id } ? "ok" : "another id"
        }
        for charge in charges { releaseEndedLeases(for: charge) }
        guard charges.allSatisfy({ $0.units <= freeUnits(in: $0.bucket) }) else { return "quota-exceeded" }
        for (index, charge) in charges.enumerated() {
            guard let id = ids?[index] else { return "no id" }
            held[charge.bucket, default: 0] += charge.units
            holds.append(
                Hold(
                    id: id, key: keys[index], fingerprint: fingerprint, bucket: charge.bucket, amount: charge.units,
                    terms: terms, epoch: epoch,
                    leaseUntil: now + terms.lease))
        }
        return "ok"
    }

    mutating func commit(_ index: Int, _ units: Int64, fence: Int64?) -> String {
        let hold = holds[index]
        switch hold.state {
        case "held":
            if let fence, fence != hold.fence { return "reservation-lost" }
            end(index, as: "committed")
            charge(hold, units)
        case "expired":
            holds[index].state = "committed"
            holds[index].fence += 1
            let free = max(0, freeUnits(in: hold.bucket))
            charge(hold, units, beyond: max(0, units - free))
        default: break
        }
        return "ok"
    }

    mutating func release(_ index: Int, fence: Int64?) -> String {
        switch holds[index].state {
        case "held":
            if let fence, fence != holds[index].fence { return "reservation-lost" }
            end(index, as: "released")
        // A release by the last holder is final.
        case "expired" where fence == nil || fence == holds[index].fence - 1: holds[index].state = "released"
        default: break
        }
        return "ok"
    }

    mutating func extend(_ index: Int, fence: Int64?, lease: Duration) -> String {
        guard holds[index].state == "held", now <= holds[index].leaseUntil,
            fence == nil || fence == holds[index].fence
        else { return "no" }
        holds[index].leaseUntil = max(holds[index].leaseUntil, now + lease)
        return "yes"
    }

    mutating func spend(_ charge: Charge, _ key: String) -> String {
        if let earlier = spent[key] {
            return earlier == (charge.meter.name, charge.units) ? "ok" : "operation-conflict"
        }
        releaseEndedLeases(for: charge)
        guard charge.units <= freeUnits(in: charge.bucket) else { return "quota-exceeded" }
        spent[key] = (charge.meter.name, charge.units)
        used[charge.bucket, default: 0] += charge.units
        return "ok"
    }

    /// Work that finds too few units gets those whose lease has ended.
    private mutating func releaseEndedLeases(for charge: Charge) {
        guard charge.units > freeUnits(in: charge.bucket) else { return }
        for index in holds.indices
        where holds[index].state == "held" && holds[index].bucket == charge.bucket && holds[index].leaseUntil < now
            && holds[index].terms.onExpiry == .release
        {
            expire(index)
        }
    }

    /// - Returns: the number of reservations that ended with their lease.
    mutating func recover() -> Int { expire { [now] in $0.leaseUntil < now } }

    /// - Returns: the number of reservations of an earlier epoch of the node that ended.
    mutating func begin() -> Int {
        // Reservations from before the registration of the node (epoch 0) belong to no process.
        let count = expire { $0.terms.lifetime == .process && $0.epoch > 0 }
        epoch += 1
        return count
    }

    /// The answer of a resolver, which depends on the key and on the lease, so that a second call differs from the
    /// first.
    static func outcome(key: String, amount: Int64, leaseUntil: Instant) -> Reservation.Resolution {
        switch (key.utf8.reduce(0) { $0 + Int64($1) } + leaseUntil.microseconds / 60_000_000) % 5 {
        case 0: .used(amount - 1)
        case 1: .used(amount + 30)
        case 2: .unused
        default: .inProgress(.hours(3))
        }
    }

    /// Reservations without a resolver end first, so that their units are free for the others.
    private mutating func expire(_ isExpired: (Hold) -> Bool) -> Int {
        let expired = holds.indices.filter { holds[$0].state == "held" && isExpired(holds[$0]) }
        let resolved = expired.filter { holds[$0].terms.onExpiry.resolver != nil }.sorted {
            (holds[$0].leaseUntil, holds[$0].id.text) < (holds[$1].leaseUntil, holds[$1].id.text)
        }
        for index in expired where holds[index].terms.onExpiry.resolver == nil { expire(index) }
        for index in resolved { expire(index) }
        return expired.count { holds[$0].state != "held" }
    }

    private mutating func expire(_ index: Int) {
        let hold = holds[index]
        let outcome =
            hold.terms.onExpiry == .resolve("model")
            ? Self.outcome(key: hold.key, amount: hold.amount, leaseUntil: hold.leaseUntil) : nil
        switch (hold.terms.onExpiry, outcome) {
        case (.release, _), (.resolve, .unused): end(index, as: "expired")
        case (.resolve, .inProgress(let lease)):
            holds[index].terms.lifetime = .lease
            holds[index].leaseUntil = max(hold.leaseUntil, now + lease)
            return
        case (.resolve, .used(let units)):
            end(index, as: "committed")
            charge(hold, units)
        case (.commit, _), (.resolve, nil):
            end(index, as: "committed")
            charge(hold, hold.amount, beyond: 0)
        }
        holds[index].fence += 1
    }

    /// Charges a hold that has just ended: the free units include its own.
    private mutating func charge(_ hold: Hold, _ units: Int64) {
        let over = max(0, units - max(hold.amount, hold.amount + max(0, freeUnits(in: hold.bucket) - hold.amount)))
        charge(hold, units, beyond: over)
    }

    private mutating func end(_ index: Int, as state: String) {
        holds[index].state = state
        held[holds[index].bucket, default: 0] -= holds[index].amount
    }

    private mutating func charge(_ hold: Hold, _ units: Int64, beyond over: Int64) {
        used[hold.bucket, default: 0] += units
        beyond[hold.bucket, default: 0] += over
    }
}
