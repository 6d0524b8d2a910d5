package import Identity
package import Modules

/// Units taken out of a limit for work that has not ended: committed by its success, given back by its failure, or by the end of
/// its lease when nobody says anything.
///
/// | state | event | next | bucket |
/// |---|---|---|---|
/// | – | reserve, and it fits | held | held += n |
/// | held | extend, with the fence | held | nothing; the lease moves |
/// | held | takeUp | held | nothing; the fence moves: who held it before holds it no more |
/// | held | commit of a ≤ n, with the fence | committed | held −= n, used += a |
/// | held | commit of a > n | committed | held −= n, used += a where it fits, else as ``Excess`` says |
/// | held | release, with the fence | released | held −= n |
/// | held | lost: the lease ran out, or the process that it belongs to is dead | expired, or committed | held −= n; used += n where ``Loss`` says so |
/// | held | lost, and whoever was asked knows of a use, or of none | committed, or expired | as a commit of that many, or as a loss |
/// | held | lost, and whoever was asked says that it goes on | held | nothing; the lease moves, and is all that ends it from now on |
/// | expired | release, with the fence that it was lost with | released | nothing; a commit that comes later is none any more |
/// | expired | commit of a, whatever the fence | committed | used += a; what does not fit is an overrun |
/// | committed, released | commit, release | the same | nothing |
///
/// A pure value: the moves say what becomes of the bucket, and the store writes it down.
package struct Reservation: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable, SQLBindable, SQLReadable {
        case held, committed, released, expired
    }

    /// How long the work may live that it is held for.
    package enum Life: String, Sendable, CaseIterable, SQLBindable, SQLReadable {
        /// It dies with its process: the next life of the process gives it back before it serves.
        case process
        /// It outlives its process: a durable job, or a caller who lives elsewhere and comes back. The lease alone ends it.
        case work
    }

    /// What becomes of units beyond those that were held, where they do not fit.
    package enum Excess: String, Sendable, CaseIterable, SQLBindable, SQLReadable {
        /// They are not charged.
        case cap
        /// They are charged: the customer has agreed to pay for more than the limit.
        case overage
        /// They are charged and recorded as an overrun. Nothing more is admitted before there is room again.
        case overrun
    }

    /// What becomes of it when nobody is left to say how the work ended.
    package enum Loss: Sendable, Hashable {
        /// Its units are free again.
        case release
        /// Its units are used, all of them: for work with effects outside, of which nobody knows whether they happened.
        case settle
        /// Whoever is registered under this name is asked what became of the work (``ReservationResolvers``); where nobody is, its units are used.
        case ask(String)
    }

    /// What a witness says of work that nobody else speaks for.
    package enum Fate: Sendable, Hashable {
        /// It was done and took so many units: fewer than were held, as many, or more.
        case used(Int64)
        /// It came to nothing.
        case nothing
        /// It is still under way, and is given so long until somebody is asked again.
        case goesOn(Duration)
    }

    /// What was agreed when it was made.
    package struct Terms: Sendable, Hashable {
        package var life: Life
        package var excess: Excess
        package var loss: Loss
        /// How long it stands without a word from its work.
        package var lease: Duration

        package init(
            life: Life = .work, excess: Excess = .overrun, loss: Loss = .release,
            lease: Duration = EntitlementsModule.lease
        ) {
            (self.life, self.excess, self.loss, self.lease) = (life, excess, loss, lease)
        }
    }

    /// What a move does to the bucket and writes into the usage.
    struct Effect: Sendable, Hashable {
        /// Units that leave the bucket's promises.
        var held: Int64 = 0
        /// Units that are used from now on.
        var used: Int64 = 0
        /// How many of those lie beyond the limit.
        var beyond: Int64 = 0
        /// Whether they were never agreed upon.
        var isOverrun = false
    }

    package let id: ID<Reservation>
    package let organisation: ID<Organisation>
    package let operation: String
    let fingerprint: String
    /// Fixed when it was admitted: work that goes on beyond midnight is charged where it began.
    let bucket: Bucket
    package let amount: Int64
    package private(set) var life: Life
    package let excess: Excess
    package let loss: Loss
    package private(set) var state: State
    /// Counts the times that the reservation changed hands; who holds an older number may not settle it.
    package private(set) var fence: Int64
    package private(set) var leaseUntil: Instant
    /// What was charged in the end; nil while it is held.
    package private(set) var actual: Int64?

    /// A new one.
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
        (life, excess, loss) = (terms.life, terms.excess, terms.loss)
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
        life = try row["life"]
        excess = try row["excess"]
        loss =
            switch (try row["asks"] as String?, try row["on_loss"] as String) {
            case (let witness?, _): .ask(witness)
            case (nil, "settle"): .settle
            case (nil, _): .release
            }
        state = try row["state"]
        fence = try row["fence"]
        leaseUntil = try row["lease_until"]
        actual = try row["actual"]
    }

    // MARK: Moves

    /// The work is alive.
    /// - Parameter given: the fence of whoever says so; nil from those who cannot have lost it to another.
    /// - Returns: whether the reservation still stands. Work that hears that it does not has lost its units and should stop, or ask anew.
    mutating func extend(until: Instant, fence given: Int64? = nil) -> Bool {
        guard state == .held, given ?? fence == fence else { return false }
        leaseUntil = max(leaseUntil, until)
        return true
    }

    /// Others go on with the work.
    /// - Returns: the fence that they show from now on; nil where nothing is held any more.
    mutating func takeUp(until: Instant) -> Int64? {
        guard state == .held else { return nil }
        fence += 1
        leaseUntil = max(leaseUntil, until)
        return fence
    }

    /// Whether a commit of so many units has to ask how much room the bucket has.
    func asksForRoom(_ units: Int64) -> Bool { state == .expired || state == .held && units > amount }

    /// The work ended well and took `units`.
    /// - Parameter room: what the bucket has left beside what is held here; asked for only where ``asksForRoom(_:)``.
    /// - Returns: nil where nothing changes.
    /// - Throws: `reservation-lost`.
    mutating func commit(_ units: Int64, room: Int64, fence given: Int64? = nil) throws(Problem) -> Effect? {
        switch state {
        case .committed, .released: return nil
        case .held:
            try check(given)
            return settle(units, room: room)
        case .expired:
            // Nobody's any more: the work that was done takes it back under a new fence, and is never forgotten.
            fence += 1
            let used = excess == .cap ? max(min(units, amount), min(units, max(0, room))) : units
            return settle(held: 0, used: used, beyond: max(0, used - max(0, room)))
        }
    }

    /// The work failed or was called off.
    /// - Returns: nil where nothing changes.
    /// - Throws: `reservation-lost`.
    mutating func release(fence given: Int64? = nil) throws(Problem) -> Effect? {
        switch state {
        case .committed, .released: return nil
        case .held:
            try check(given)
            (state, actual) = (.released, 0)
            return Effect(held: amount)
        case .expired:
            // Its units are free already; whoever held it last says that nothing will come of it any more. Who had lost it before has no say.
            guard given == nil || given == fence - 1 else { return nil }
            (state, actual) = (.released, 0)
            return Effect()
        }
    }

    /// Nobody is left to say how the work ended.
    /// - Parameters:
    ///   - fate: what the witness says; nil where none was to be asked, or none could be found.
    ///   - room: as with ``commit(_:room:fence:)``, for a fate of as many units.
    mutating func lose(_ fate: Fate? = nil, room: Int64 = 0, at now: Instant) -> Effect? {
        guard state == .held else { return nil }
        switch (loss, fate) {
        case (.ask, .goesOn(let lease)):
            // Whoever does the work may hold it still. It has outlived its process.
            life = .work
            leaseUntil = max(leaseUntil, now + lease)
            return Effect()
        case (.ask, .used(let units)):
            fence += 1
            return settle(max(0, units), room: room)
        case (.ask, .nothing), (.release, _):
            fence += 1
            (state, actual) = (.expired, 0)
            return Effect(held: amount)
        case (.ask, nil), (.settle, _):
            fence += 1
            return settle(held: amount, used: amount, beyond: 0)
        }
    }

    /// So many of what is held, and more where they fit or may go beyond.
    private mutating func settle(_ units: Int64, room: Int64) -> Effect {
        let beyond = max(0, units - amount - max(0, room))
        return settle(held: amount, used: excess == .cap ? units - beyond : units, beyond: excess == .cap ? 0 : beyond)
    }

    private mutating func settle(held: Int64, used: Int64, beyond: Int64) -> Effect {
        (state, actual) = (.committed, used)
        return Effect(held: held, used: used, beyond: beyond, isOverrun: beyond > 0 && excess != .overage)
    }

    private func check(_ given: Int64?) throws(Problem) {
        guard given ?? fence == fence else {
            throw Problem(
                .reservationLost,
                detail: "Somebody else has taken this work up since. What was done here does not count.")
        }
    }
}

extension Problem.Kind {
    package static let reservationLost = Self("reservation-lost", "The reservation is in other hands", status: 409)
}

/// A counter: one meter of one organisation in one period.
package struct Bucket: Sendable, Hashable {
    let organisation: ID<Organisation>
    let meter: String
    let periodStart: Instant

    /// Storage is a level, not a flow: its one bucket lies outside of all periods.
    static let storageMeter = "storage"

    static func storage(of organisation: ID<Organisation>) -> Bucket {
        Bucket(organisation: organisation, meter: storageMeter, periodStart: Instant(microseconds: 0))
    }

    /// Buckets are locked in the order of these keys, by everybody, so that no two wait for each other.
    var lockKey: String { "quota/\(organisation)/\(meter)/\(periodStart.microseconds)" }
}
