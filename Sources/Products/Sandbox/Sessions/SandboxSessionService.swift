import AWS
import Audit
import Entitlements
import Identity
import Modules
import Secrets
import SpotDecisions

/// Creates, reads and ends sessions.
final class SandboxSessionService: Sendable {
    private let database: any Database
    private let concurrency: ConcurrencyService
    private let events: IdentityEvents
    private let audit: AuditService
    private let log: SessionLogService
    private let cloud: CloudService
    private let queue: JobQueue
    private let runtime: Runtime

    init(
        database: any Database, concurrency: ConcurrencyService, events: IdentityEvents, audit: AuditService,
        log: SessionLogService, cloud: CloudService, queue: JobQueue, runtime: Runtime
    ) {
        self.database = database
        self.concurrency = concurrency
        self.events = events
        self.audit = audit
        self.log = log
        self.cloud = cloud
        self.queue = queue
        self.runtime = runtime
    }

    /// Creates a session, after AWS was asked about its credentials.
    /// - Throws: `validation-failed`; `aws-credentials-refused`; `not-configured` for a replacement that cannot be
    ///   made; `concurrency-limit` where another request took the slot; `not-found` where the person is no longer a
    ///   member; `conflict` where the organisation has as many configurations of instances as it may have.
    func create(_ request: CreateSandboxSession, scope: Scope, slot: ConcurrencySlot) async throws(Problem)
        -> SandboxSessionCreated
    {
        let target = try SandboxTarget(request)
        let actuates = request.actuate ?? false
        if actuates, request.actuator == .kubernetes {
            throw Problem(.notConfigured, detail: "No Kubernetes cluster is connected. Use the actuator ec2.")
        }
        let account = try await cloud.account(of: target.credentials, in: target.region)
        if actuates, account == nil {
            throw Problem(
                .notConfigured, detail: "AWS cannot be reached, and nothing can be replaced. Set actuate to false.")
        }
        let (id, key, password) = (runtime.id(of: SandboxSession.self), SessionKey(runtime), temporaryPassword())
        let new = NewSandboxSession(
            id: id, organisation: slot.organisation, person: scope.person, key: key, tempUsername: temporaryName(),
            tempPasswordHash: Digest.hex(password), sealedKeys: try cloud.seal(target.credentials, of: id),
            awsAccount: account, region: target.region.name, instance: target.instance, pool: target.pool,
            actuates: actuates, lifetime: target.lifetime)
        let expiresAt = try await database.write { [self] transaction in
            // A session that begins while its person is removed would outlast the membership.
            try transaction.authority(of: scope, OrganisationRole.allCases)
            try concurrency.take(slot, in: transaction)
            try transaction.insert(new)
            try transaction.ensureLabInstance(
                new.instance, region: new.region, of: new.organisation)
            try audit.record(
                AuditEvent(
                    "sandbox-session.created", by: scope, in: new.organisation, subject: id.text,
                    details: ["instance": new.instance, "actuate": "\(actuates)"]),
                in: transaction)
            events.activeSessionsChanged(of: scope.person, in: transaction)
            guard let session = try transaction.sandboxSession(id, of: new.organisation) else {
                throw Problem(.internalError)
            }
            try log.append(Self.welcome(session), withStatusOf: session, in: transaction)
            return session.expiresAt
        }
        return SandboxSessionCreated(
            sessionId: key.text, tempUsername: new.tempUsername, tempPassword: password, expiresAt: expiresAt,
            dashboardUrl: "/sandbox/\(key.text)", logTopic: "\(SessionLogService.family).\(id.text)",
            aws: account == nil ? .unavailable : .verified)
    }

    func list(scope: Scope, limit: Int) async throws(Problem) -> SandboxSessionList {
        let now = runtime.now()
        return try await database.read { transaction in
            SandboxSessionList(
                sessions: try transaction.sandboxSessions(in: scope, limit: limit).map {
                    SandboxSessionView($0, at: now)
                },
                total: try transaction.countSandboxSessions(in: scope))
        }
    }

    func view(_ key: String, scope: Scope) async throws(Problem) -> SandboxSessionView {
        let key = try SessionKey.known(key)
        return try await database.read {
            SandboxSessionView(try $0.sandboxSession(key, in: scope), at: $0.now)
        }
    }

    /// Sets what the owner knows of the instance: its metadata cannot be read from outside.
    func setSignal(_ request: SandboxSignal, of key: String, scope: Scope) async throws(Problem) -> SandboxSignalSet {
        let key = try SessionKey.known(key)
        guard let signal = InterruptionSignal(rawValue: request.signal) else {
            throw Problem.invalid("/signal", "is no signal")
        }
        return try await database.write { [log] transaction in
            let session = try transaction.lockedSandboxSession(key, in: scope)
            try session.requireActive(at: transaction.now)
            try transaction.setSignal(signal, of: session)
            let level: LogLevel = signal == .none ? .info : .warning
            try log.append(
                [LogLine(.override, level, "The owner reported the signal \(signal.rawValue).")], to: session,
                in: transaction)
            return SandboxSignalSet(sessionId: session.key.text, awsSignal: signal.rawValue)
        }
    }

    /// Ends a session, and starts its clean-up: one's own, or as an owner or administrator of the organisation.
    /// - Throws: `sandbox-session-not-found`; `session-expired` for one that has ended.
    func end(_ key: String, scope: Scope) async throws(Problem) -> SandboxSessionEnded {
        let key = try SessionKey.known(key)
        return try await database.write { [self] transaction in
            let session = try transaction.lockedVisibleSandboxSession(key, in: scope)
            try session.requireActive(at: transaction.now)
            let actor = session.person == scope.person ? "its owner" : "an administrator of its organisation"
            try end(
                session, as: .ended,
                LogLine(.system, "The session was ended by \(actor) and its resources are being cleaned."),
                AuditEvent("sandbox-session.ended", by: scope, subject: session.id.text), in: transaction)
            return SandboxSessionEnded(
                message: "Session ended; the clean-up has started", originalInstanceId: session.originalInstance)
        }
    }

    /// Ends the sessions of a person who can no longer end them, in the transaction that causes it: no other account
    /// may use their credentials, their rows may be erased later, and nothing that they have made must remain.
    /// - Parameters:
    ///   - organisation: the one that the person has left; nil for the sessions in every one.
    ///   - reason: as in "account was closed".
    func endAll(
        of person: ID<Person>, leaving organisation: ID<Organisation>? = nil, because reason: String,
        in transaction: Transaction
    ) throws {
        // Their logs are locked in the order of the names of topics.
        for session in try transaction.activeSandboxSessions(of: person, in: organisation) {
            try end(
                session, as: .ended, LogLine(.system, .warning, "The \(reason), which ends the session."),
                AuditEvent(
                    "sandbox-session.ended", organisation: session.organisation.text, subject: session.id.text,
                    details: ["reason": reason]),
                in: transaction)
        }
    }

    /// Marks sessions whose time is over, and starts their clean-up. Several processes may do it at once.
    func expire(_ context: JobContext) async throws {
        while true {
            try context.checkCancellation()
            let overdue = try await database.read { try $0.overdueSandboxSessions(limit: Self.batch) }
            for session in overdue {
                try await database.write { [self] transaction in
                    try end(
                        session, as: .expired,
                        LogLine(.system, .warning, "The session has expired and its resources are being cleaned."),
                        AuditEvent(
                            "sandbox-session.expired", organisation: session.organisation.text,
                            subject: session.id.text),
                        in: transaction)
                }
            }
            if overdue.count < Self.batch { return }
        }
    }

    /// Counts the active sessions of each person, and tells the readers of each session.
    func count(_ context: JobContext) async throws {
        var last = ""
        while true {
            try context.checkCancellation()
            let after = last
            let active = try await database.read { try $0.activeSandboxSessions(after: after, limit: Self.batch) }
            for session in active {
                try await database.write { [log] transaction in
                    let count = try transaction.countActiveSandboxSessions(of: session.person)
                    try log.append([], withStatusOf: session, activeSessions: count, in: transaction)
                }
            }
            guard active.count == Self.batch, let id = active.last?.id.text else { return }
            last = id
        }
    }

    /// Deletes sessions that ended long ago, with their logs.
    func deleteOld(_ context: JobContext) async throws {
        while true {
            try context.checkCancellation()
            let old = try await database.read { try $0.oldSandboxSessions(limit: Self.batch) }
            for session in old {
                try await database.write { [log] transaction in
                    try transaction.delete(session)
                    try log.remove(of: session, in: transaction)
                }
            }
            if old.count < Self.batch { return }
        }
    }

    /// Sessions of one read of a job.
    private static let batch = 200

    private func end(
        _ session: SandboxSession, as state: SandboxSession.State, _ line: LogLine, _ event: AuditEvent,
        in transaction: Transaction
    ) throws {
        guard try transaction.end(session, as: state) else { return }
        try transaction.closeSavings(of: session)
        _ = try queue.enqueue(
            CleanUpJob(session: session.id, organisation: session.organisation),
            CleanUpJob.options(session), in: transaction)
        try audit.record(event, in: transaction)
        events.activeSessionsChanged(of: session.person, in: transaction)
        try log.append([line], withStatusOf: session, in: transaction)
    }

    private static func welcome(_ session: SandboxSession) -> [LogLine] {
        [
            LogLine(
                .setup,
                "The session for \(session.instance) (\(session.pool)) is ready until \(session.expiresAt)."),
            session.awsAccount == nil
                ? LogLine(
                    .credentials, .warning,
                    "AWS cannot be reached: decisions use built-in tables, and nothing can be replaced.")
                : LogLine(.credentials, "AWS has accepted the credentials."),
        ]
    }

    /// `sandbox_user_` and four digits.
    private func temporaryName() -> String {
        let bytes = runtime.randomBytes(2)
        let number = (Int(bytes[0]) << 8 | Int(bytes[1])) % 10_000
        return "sandbox_user_" + String(String(10_000 + number).dropFirst())
    }

    /// 128 random bits: no slow hash is needed to keep it.
    private func temporaryPassword() -> String { Base64URL.encode(runtime.randomBytes(16)) }
}

extension SessionKey {
    /// - Throws: `sandbox-session-not-found` for text of another form.
    static func known(_ text: String) throws(Problem) -> SessionKey {
        guard let key = SessionKey(text) else { throw Problem(.sandboxSessionNotFound) }
        return key
    }
}
