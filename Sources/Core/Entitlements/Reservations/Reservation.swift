package import Identity
package import Modules

/// Units reserved out of a limit for work in progress: committed when the work succeeds, released when it fails, and
/// settled by its ``ExpiryPolicy`` when its lease or its process ends first.
///
/// | state | event | next | bucket |
/// |---|---|---|---|
/// | – | reserve, within the limit | held | held += n |
/// | held | extend within the lease, with the fence | held | unchanged; the lease moves |
/// | held | commit of a ≤ n, with the fence | committed | held −= n, used += a |
/// | held | commit of a > n, with the fence | committed | held −= n, used += a; beyond the limit as an overrun |
/// | held | release, with the fence | released | held −= n |
/// | held | expire, without a resolution | expired, or committed as ``ExpiryPolicy`` says | held −= n; used += n or 0 |
/// | held | expire, resolved as used a | committed | as a commit of a |
/// | held | expire, resolved as unused | expired | held −= n |
/// | held | expire, resolved as in progress | held | unchanged; the lease moves, and from now on it alone ends it |
/// | expired | release, with the fence that it expired with | released | unchanged; a later commit is ignored |
/// | expired | commit of a, with any fence | committed | used += a; beyond the limit as an overrun |
/// | committed, released | commit, release | the same | unchanged |
///
/// A value without I/O: each transition returns its effect on the bucket, and the service writes it.
package struct Reservation: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable, SQLBindable, SQLReadable {
        case held, committed, released, expired
    }

    /// What ends the reservation when it is not settled.
    package enum Lifetime: String, Sendable, CaseIterable, SQLBindable, SQLReadable {
        /// The end of its process: the node's next start expires it before it serves. Its lease also ends it.
        case process
        /// Its lease alone: for a durable job, or a client elsewhere, which outlives this process.
        case lease
    }

    /// What happens to the reservation when it expires.
    package enum ExpiryPolicy: Sendable, Hashable {
        /// Its units are released.
        case release
        /// All of its units are committed: for work with external effects that may have happened.
        case commit
        /// The resolver registered under this name (``ReservationResolvers``) decides; without one, all units are
        /// committed.
        case resolve(String)
    }

    /// What a resolver reports about the work of an expired reservation.
    package enum Resolution: Sendable, Hashable {
        /// The work is done and used this many units: fewer than were reserved, as many, or more.
        case used(Int64)
        /// The work used nothing.
        case unused
        /// The work is still in progress; the lease is extended by this duration before the resolver is called again.
        case inProgress(Duration)
    }

    /// Chosen when the reservation is made.
    package struct Terms: Sendable, Hashable {
        package var lifetime: Lifetime
        package var onExpiry: ExpiryPolicy
        /// The time from the reservation, or its last extension, to its expiry.
        package var lease: Duration

        package init(
            lifetime: Lifetime = .lease, onExpiry: ExpiryPolicy = .release, lease: Duration = QuotaService.lease
        ) {
            (self.lifetime, self.onExpiry, self.lease) = (lifetime, onExpiry, lease)
        }
    }

    /// What a transition changes in the bucket and adds to the usage.
    struct Effect: Sendable, Hashable {
        /// Units subtracted from the bucket's reserved count.
        var held: Int64 = 0
        /// Units added to the used count.
        var used: Int64 = 0
        /// How many of the used units exceed the limit: an overrun. Nothing more is admitted until usage is below the
        /// limit again.
        var beyond: Int64 = 0
    }

    package let id: ID<Reservation>
    package let organisation: ID<Organisation>
    package let operation: String
    let fingerprint: String
    /// Fixed at the reservation: work that continues into the next period is charged to the period in which it started.
    let bucket: Bucket
    package let amount: Int64
    package private(set) var lifetime: Lifetime
    package let onExpiry: ExpiryPolicy
    package private(set) var state: State
    /// Increases when the reservation expires and with a late commit. While it is held, a transition with another fence
    /// is refused.
    package private(set) var fence: Int64
    package private(set) var leaseUntil: Instant
    /// The units that were charged; nil while the reservation is held.
    package private(set) var actual: Int64?

    init(
        _ id: ID<Reservation>, of amount: Int64, in bucket: Bucket, operation: String, fingerprint: String,
        terms: Terms, at now: Instant
    ) {
        self.id = id
        self.amount = amount
        self.bucket = bucket
        organisation = bucket.organisation
        self.operation = operation
        self.fingerprint = fingerprint
        (lifetime, onExpiry) = (terms.lifetime, terms.onExpiry)
        state = .held
        fence = 1
        leaseUntil = now + terms.lease
    }

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        operation = try row["operation_key"]
        fingerprint = try row["fingerprint"]
        bucket = Bucket(
            organisation: try row["organisation_id"], meter: try row["meter"], periodStart: try row["period_start"])
        amount = try row["amount"]
        lifetime = try row["lifetime"]
        onExpiry =
            switch (try row["resolver"] as String?, try row["on_expiry"] as String) {
            case (let name?, _): .resolve(name)
            case (nil, "commit"): .commit
            case (nil, _): .release
            }
        state = try row["state"]
        fence = try row["fence"]
        leaseUntil = try row["lease_until"]
        actual = try row["actual"]
    }

    // MARK: Transitions

    /// Extends the lease; an earlier `until` does not shorten it.
    /// - Parameter given: the holder's fence; nil from the only caller that settles this work.
    /// - Returns: false when the reservation or its lease has ended, or it has another fence. The work should stop, or
    ///   reserve again.
    mutating func extend(until: Instant, fence given: Int64? = nil, at now: Instant) -> Bool {
        guard state == .held, now <= leaseUntil, given ?? fence == fence else { return false }
        leaseUntil = max(leaseUntil, until)
        return true
    }

    /// Whether a commit of this many units needs the remaining units of the bucket.
    func needsRemaining(_ units: Int64) -> Bool { state == .expired || state == .held && units > amount }

    /// Settles the reservation with the units that the work used.
    /// - Parameter remaining: the bucket's remaining units besides the reserved ones; read only where
    ///   ``needsRemaining(_:)``.
    /// - Returns: nil where nothing changes.
    /// - Throws: `reservation-lost` for another fence.
    mutating func commit(_ units: Int64, remaining: Int64, fence given: Int64? = nil) throws(Problem) -> Effect? {
        switch state {
        case .committed, .released: return nil
        case .held:
            try check(given)
            return settle(units, remaining: remaining)
        case .expired:
            // Work that was done is charged although its reservation expired.
            fence += 1
            return settle(held: 0, used: units, beyond: max(0, units - max(0, remaining)))
        }
    }

    /// Settles the reservation without usage: the work failed or was cancelled.
    /// - Returns: nil where nothing changes.
    /// - Throws: `reservation-lost` for another fence.
    mutating func release(fence given: Int64? = nil) throws(Problem) -> Effect? {
        switch state {
        case .committed, .released: return nil
        case .held:
            try check(given)
            (state, actual) = (.released, 0)
            return Effect(held: amount)
        case .expired:
            // The units are released already. The holder confirms that no commit follows; another fence is ignored.
            guard given == nil || given == fence - 1 else { return nil }
            (state, actual) = (.released, 0)
            return Effect()
        }
    }

    /// Ends a reservation whose lease or process has ended.
    /// - Parameters:
    ///   - resolution: from the resolver; nil where the policy has none, or its name is not registered.
    ///   - remaining: as for ``commit(_:remaining:fence:)``, for a resolution of as many units.
    mutating func expire(_ resolution: Resolution? = nil, remaining: Int64 = 0, at now: Instant) -> Effect? {
        guard state == .held else { return nil }
        switch (onExpiry, resolution) {
        case (.resolve, .inProgress(let lease)):
            // The fence stays: the holder may still work. The work has outlived its process.
            lifetime = .lease
            leaseUntil = max(leaseUntil, now + lease)
            return Effect()
        case (.resolve, .used(let units)):
            fence += 1
            return settle(max(0, units), remaining: remaining)
        case (.resolve, .unused), (.release, _):
            fence += 1
            (state, actual) = (.expired, 0)
            return Effect(held: amount)
        case (.resolve, nil), (.commit, _):
            fence += 1
            return settle(held: amount, used: amount, beyond: 0)
        }
    }

    private mutating func settle(_ units: Int64, remaining: Int64) -> Effect {
        settle(held: amount, used: units, beyond: max(0, units - amount - max(0, remaining)))
    }

    private mutating func settle(held: Int64, used: Int64, beyond: Int64) -> Effect {
        (state, actual) = (.committed, used)
        return Effect(held: held, used: used, beyond: beyond)
    }

    private func check(_ given: Int64?) throws(Problem) {
        guard given ?? fence == fence else {
            throw Problem(
                .reservationLost,
                detail: "The fence is not that of the reservation. The result of this work is not counted.")
        }
    }
}

extension Reservation.ExpiryPolicy {
    /// The stored policy, which applies where no resolver is registered.
    var fallback: String { self == .release ? "release" : "commit" }

    /// The name of the resolver.
    var resolver: String? {
        guard case .resolve(let name) = self else { return nil }
        return name
    }
}

extension Problem.Kind {
    package static let reservationLost = Self(
        "reservation-lost", "The reservation was changed by another worker", status: 409)
}
