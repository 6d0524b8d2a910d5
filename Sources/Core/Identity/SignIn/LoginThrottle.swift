import Audit
package import Modules
import Secrets

/// Stands before every place that asks for a password or a code, and counts what was wrong.
///
/// A caller first finds out whether the answer is right, and then asks, in the transaction in which that takes effect, whether it may
/// count. Counters are locked rows: of a thousand guesses sent at once no more come through than one after another would. What is
/// refused is refused whatever the answer was, after the same work and with the same statements.
struct LoginThrottle: Sendable {
    let lockout: Lockout
    /// What the keys of buckets are made under.
    private let secret: [UInt8]

    init(lockout: Lockout, sealer: Sealer) {
        self.lockout = lockout
        secret = sealer.key(for: "sign-in bucket")
    }

    /// The answer to a guess, and whether it came at a time when answers count.
    enum Proof: Sendable {
        case wrong
        /// Right, but not all that is asked for: failures before it stay counted.
        case partly
        case right
    }

    enum Verdict: Sendable, Equatable {
        /// The answer counts: for what it is.
        case counts
        /// Too many were wrong before: whatever this one is, it is to be told as a wrong one.
        case refused
        /// The same under strict lockout, where somebody who knows the password is told how long it lasts.
        case locked(Duration)
    }

    /// Counts an answer. What follows from the verdict belongs into the same transaction; a caller must not throw out of it where the
    /// answer was wrong, or the failure would be undone with everything else.
    func settle(_ proof: Proof, _ guess: LoginAttempt, in transaction: Transaction) throws -> Verdict {
        var door = try open(guess, in: transaction)
        let verdict = door.verdict
        switch proof {
        case .wrong: door.fail()
        case .partly: break
        case .right: door.succeed()
        }
        try close(door, in: transaction)
        return verdict
    }

    /// Forgets what was wrong in an account: for somebody who proved in another way whose it is, such as by a mail to its address.
    func forgive(_ person: ID<Person>, visitor: ClientInfo, in transaction: Transaction) throws {
        let guess = LoginAttempt(of: person, named: "", visitor: visitor)
        for isKnownDevice in [false, true] where !isKnownDevice || visitor.deviceToken != nil {
            let buckets = guess.buckets(isKnownDevice: isKnownDevice, under: lockout, secret: secret)
            try transaction.deleteFailures(in: [buckets.own, buckets.account])
        }
    }

    /// Locks the counters of a guess and reads them.
    func open(_ guess: LoginAttempt, in transaction: Transaction) throws -> Door {
        let (network, device) = guess.places
        let familiar = try transaction.familiarPlaces(of: guess.person, among: [network, device ?? network])
        // A session that asks again was let in before.
        let isKnownDevice = device.map { familiar.contains($0) || guess.isWithinSession } ?? false
        let buckets = guess.buckets(isKnownDevice: isKnownDevice, under: lockout, secret: secret)
        return Door(
            buckets: buckets,
            counts: try transaction.lockFailures(in: buckets.all),
            isFamiliar: isKnownDevice || familiar.contains(network),
            lockout: lockout,
            now: transaction.now
        )
    }

    /// Whom the trail names: a person, or a code that stands for a name that nobody has. So tries at the same name can be seen together without
    /// knowing it, and the row takes as long to write as any other.
    func subject(of guess: LoginAttempt) -> String { guess.person?.text ?? guess.pseudonym(under: secret) }

    /// Writes the counters back.
    func close(_ door: Door, in transaction: Transaction) throws {
        try transaction.save(door.counts)
    }
}

/// The counters of one guess: a value, decided on without a database.
struct Door: Sendable {
    let buckets: Buckets
    private(set) var counts: [Bucket: FailureCount]
    /// Whether the account's owner was here before.
    let isFamiliar: Bool
    let lockout: Lockout
    let now: Instant

    var verdict: LoginThrottle.Verdict {
        switch lockout {
        case .strict:
            if refuses(buckets.account) { return .locked((counts[buckets.account]?.refusedUntil ?? now) - now) }
            return !isFamiliar && refuses(buckets.network) ? .refused : .counts
        case .adaptive:
            // In a familiar place only what went wrong in it matters: everywhere else others can be at work.
            let vetoes = isFamiliar ? [buckets.own] : buckets.all
            return vetoes.contains(where: refuses) ? .refused : .counts
        }
    }

    /// An answer was wrong. Where none counts at the moment, this does not either.
    mutating func fail() {
        guard verdict == .counts else { return }
        for bucket in buckets.all { counts[bucket, default: FailureCount(at: now)].fail(at: now, under: bucket.rule) }
    }

    /// An answer was right. The whole account is forgiven only under strict lockout, where nothing else is counted; otherwise somebody who guesses a code
    /// after a password that they know would be forgiven each time that the owner signs in.
    mutating func succeed() {
        guard verdict == .counts else { return }
        counts[buckets.own]?.succeed(at: now)
        if lockout == .strict { counts[buckets.account]?.succeed(at: now) }
    }

    private func refuses(_ bucket: Bucket) -> Bool { counts[bucket]?.refuses(at: now) ?? false }
}

extension Problem.Kind {
    package static let accountLocked = Self(
        "account-locked", "Too many failed attempts: the account is locked for a while", status: 423)
}

extension Problem {
    /// What somebody with the right password is told under strict lockout.
    static func accountLocked(for time: Duration) -> Problem {
        let seconds = max(1, Int64(time.inSeconds.rounded(.up)))
        return Problem(
            .accountLocked,
            detail: "Try again in \(seconds) seconds, or reset the password by mail.",
            members: ["retry_after": .integer(seconds)],
            headers: ["Retry-After": String(seconds)]
        )
    }
}
