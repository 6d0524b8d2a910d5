import Audit
import Modules

/// The verbs of devices: look at one's sessions, end some.
extension SessionService {
    func devices(_ scope: Scope, limit: Int, offset: Int) async throws(Problem) -> Devices {
        let current: ID<Session>? = scope.session
        return try await database.read { transaction in
            let devices = try transaction.liveSessions(of: scope.person, limit: limit, offset: offset).map { device in
                var device = device
                device.isCurrent = device.id == current
                return device
            }
            return Devices(
                data: devices, total: try transaction.countLiveSessions(of: scope.person), limit: limit, offset: offset)
        }
    }

    /// Ends one session of the caller's own.
    /// - Throws: `not-found`, also for somebody else's.
    func end(_ session: ID<Session>, scope: Scope) async throws(Problem) {
        try await database.write { [audit] transaction in
            guard try transaction.revoke(session, of: scope.person, because: "ended by its owner") else {
                throw Problem(.notFound, detail: "You have no such session.")
            }
            try audit.record(AuditEvent("session.ended", by: scope, subject: session.text), in: transaction)
        }
        revocations.note([session], at: runtime.now())
    }

    /// Ends the caller's other sessions, or also the one of this call.
    /// - Returns: how many ended.
    func endAll(_ scope: Scope, alsoCurrent: Bool) async throws(Problem) -> Ended {
        let kept: ID<Session>? = alsoCurrent ? nil : scope.session
        let ended = try await database.write { [audit] transaction in
            let ended = try transaction.revokeSessions(of: scope.person, except: kept, because: "ended by its owner")
            for session in ended {
                try audit.record(AuditEvent("session.ended", by: scope, subject: session.text), in: transaction)
            }
            return ended
        }
        revocations.note(ended, at: runtime.now())
        return Ended(ended: ended.count)
    }
}

// MARK: Clearing away

/// Deletes sessions that nobody asks about any more. What happened to them stays in the audit trail.
struct SessionPruning {
    /// How long an ended session is kept: for whoever looks into it.
    static let kept = Duration.days(30)
    static let batch = 500

    let database: any Database

    private struct PruneSessions: Job {
        static let name = "identity.prune-sessions"
    }

    static let schedule = Schedule(id: PruneSessions.name, .cron("41 3 * * *", timeZone: "UTC")) {
        _, queue, transaction in
        try queue.enqueue(PruneSessions(), JobOptions(priority: 1_000, uniqueKey: "daily"), in: transaction)
    }

    var worker: Worker {
        Worker(PruneSessions.self) { [database] _, context in
            // In small batches, so that nobody waits for it.
            repeat {
                try context.checkCancellation()
            } while try await database.write({ transaction in
                try transaction.pruneSessions(endedBefore: transaction.now - Self.kept, atMost: Self.batch)
            }) == Self.batch
            return .done
        }
    }
}
