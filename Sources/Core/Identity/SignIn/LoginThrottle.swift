import Audit
package import Modules
import Secrets

/// Counts failed attempts at passwords and codes, and refuses attempts after too many of them.
///
/// A caller verifies the secret first, then loads the counters in the transaction that depends on the result. Counters
/// are locked rows: of a thousand concurrent attempts no more are accepted than of sequential ones. A refused attempt
/// executes the same statements whether or not the secret was right.
final class LoginThrottle: Sendable {
    private let lockout: Lockout
    /// The key of the buckets' MACs.
    private let secret: [UInt8]

    init(lockout: Lockout, sealer: Sealer) {
        self.lockout = lockout
        secret = sealer.key(for: "sign-in bucket")
    }

    enum Verdict: Sendable, Equatable {
        /// The attempt is permitted.
        case counts
        /// Too many attempts failed: the response is that of a wrong password, also for the right one.
        case refused
        /// As `refused`, under strict lockout, which discloses the remaining time to a client with the right password.
        case locked(Duration)
    }

    /// Locks and reads the counters of an attempt.
    func load(_ attempt: LoginAttempt, in transaction: Transaction) throws -> LoginCounters {
        let (network, device) = attempt.knownDevices
        let known = try transaction.knownDevices(of: attempt.person, among: [network, device ?? network])
        // The device of a session has signed in before.
        let isKnownDevice = device.map { known.contains($0) || attempt.isWithinSession } ?? false
        let buckets = attempt.buckets(isKnownDevice: isKnownDevice, under: lockout, secret: secret)
        return LoginCounters(
            buckets: buckets,
            counts: try transaction.lockFailures(in: buckets.all),
            isKnown: isKnownDevice || known.contains(network),
            lockout: lockout,
            now: transaction.now
        )
    }

    /// Writes the counters, in the transaction that loaded them. It must not be rolled back for a failed attempt, which
    /// would undo the count.
    func save(_ counters: LoginCounters, in transaction: Transaction) throws {
        try transaction.save(counters.counts)
    }

    /// Deletes the failures of an account, after its owner was verified in another way, such as by a mail.
    func resetFailures(of person: ID<Person>, client: ClientInfo, in transaction: Transaction) throws {
        let attempt = LoginAttempt(of: person, named: "", client: client)
        for isKnownDevice in [false, true] where !isKnownDevice || client.deviceToken != nil {
            let buckets = attempt.buckets(isKnownDevice: isKnownDevice, under: lockout, secret: secret)
            try transaction.deleteFailures(in: [buckets.own, buckets.account])
        }
    }

    /// The subject of audit events: the person, or a pseudonym of a name without an account. It correlates attempts at
    /// one name without disclosing it, and the row takes as long to write as any other.
    func subject(of attempt: LoginAttempt) -> String { attempt.person?.text ?? attempt.pseudonym(under: secret) }
}

/// The counters of one login attempt: a value that decides without a database.
struct LoginCounters: Sendable {
    let buckets: LoginBuckets
    private(set) var counts: [LoginBucket: FailureCount]
    /// Whether the account's owner has signed in from this device or network.
    let isKnown: Bool
    let lockout: Lockout
    let now: Instant

    var verdict: LoginThrottle.Verdict {
        switch lockout {
        case .strict:
            if refuses(buckets.account) { return .locked((counts[buckets.account]?.refusedUntil ?? now) - now) }
            return !isKnown && refuses(buckets.network) ? .refused : .counts
        case .adaptive:
            // Only a known device's own failures count there: failures elsewhere may be those of an attacker.
            let vetoes = isKnown ? [buckets.own] : buckets.all
            return vetoes.contains(where: refuses) ? .refused : .counts
        }
    }

    /// Counts a failure, unless the attempt is refused.
    mutating func fail() {
        guard verdict == .counts else { return }
        for bucket in buckets.all { counts[bucket, default: FailureCount(at: now)].fail(at: now, under: bucket.rule) }
    }

    /// Resets failures after a success, unless the attempt is refused. The account's own count is reset only under
    /// strict lockout, where nothing else is counted: otherwise each sign-in of the owner would reset the count of an
    /// attacker who knows the password and tries codes.
    mutating func succeed() {
        guard verdict == .counts else { return }
        counts[buckets.own]?.succeed(at: now)
        if lockout == .strict { counts[buckets.account]?.succeed(at: now) }
    }

    private func refuses(_ bucket: LoginBucket) -> Bool { counts[bucket]?.refuses(at: now) ?? false }
}

extension Problem.Kind {
    package static let accountLocked = Self(
        "account-locked", "Too many failed attempts: the account is temporarily locked", status: 423)
}

extension Problem {
    /// The refusal of the right password under strict lockout.
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
