import AWS
import Audit
import Identity
import Modules
import SpotDecisions

/// Replaces instances. Every request is written down before it is sent, can be repeated, and carries the tags of its
/// session; the state in the database says which step is next, so that a stopped process loses nothing.
final class MoveService: Sendable {
    private let database: any Database
    private let cloud: CloudService
    private let log: SessionLogService
    private let audit: AuditService
    private let queue: JobQueue
    private let runtime: Runtime

    /// Between two looks at what AWS is doing.
    static let pollInterval = Duration.seconds(15)
    /// A step that failed this often for reasons that may pass rolls the move back.
    private static let attemptsMax = 10
    private static let retryWithin = Duration.minutes(5)

    init(
        database: any Database, cloud: CloudService, log: SessionLogService, audit: AuditService, queue: JobQueue,
        runtime: Runtime
    ) {
        self.database = database
        self.cloud = cloud
        self.log = log
        self.audit = audit
        self.queue = queue
        self.runtime = runtime
    }

    /// Begins a move in the transaction of its decision.
    /// - Returns: false where the instance belongs to a move of another session: two replacements of one instance
    ///   would both be billed, and the end of one session would undo what the other one did.
    func start(of session: SandboxSession, to candidate: Candidate, _ scope: Scope, in transaction: Transaction) throws
        -> Bool
    {
        let id = runtime.id(of: Move.self)
        guard let account = session.awsAccount, try !transaction.isMovedElsewhere(session, account: account),
            try transaction.insertMove(id, of: session, account: account, to: candidate)
        else { return false }
        try transaction.insertResource(.image, token: "gatehouse-\(id)", id: runtime.id(), of: id, session)
        try transaction.insertAction(
            .imageCreation, .inProgress, "An image of \(session.instance) is being made.", id: runtime.id(),
            of: session)
        try enqueue(id, session.organisation, key: id.text, in: transaction)
        try audit.record(
            AuditEvent(
                "sandbox-move.started", by: scope, subject: session.id.text,
                details: ["from": session.instance, "to": candidate.pool.description]),
            in: transaction)
        return true
    }

    /// Tries the roll-back of a move again where it gave up: until it has succeeded, a further move of the session
    /// would make one more instance that is not removed.
    /// - Returns: false where the session has no such move.
    func resumeRollBack(of session: SandboxSession, in transaction: Transaction) throws -> Bool {
        guard let move = try transaction.incompleteMove(of: session) else { return false }
        guard try transaction.advance(move, to: .rollBack) else { return true }
        try transaction.insertAction(
            .rollBack, .inProgress, "The move is being rolled back again.", id: runtime.id(), of: session)
        try enqueue(move.id, move.organisation, key: nil, in: transaction)
        return true
    }

    /// Takes the next step of a move.
    func step(_ job: MoveJob, _ context: JobContext) async throws -> JobOutcome {
        let found = try await database.read { transaction -> (Move, SandboxSession)? in
            guard let move = try transaction.move(job.move, of: job.organisation),
                let session = try transaction.sandboxSession(move.session, of: move.organisation)
            else { return nil }
            return (move, session)
        }
        guard let (move, session) = found, !move.state.isFinished else { return .done }
        guard let ec2 = cloud.ec2(of: session) else {
            throw JobFailure.permanent("The credentials of the session cannot be used.")
        }
        do throws(AWSError) {
            if move.state == .rollBack { return try await rollBack(move, session, ec2) }
            if session.state != .active {
                return fail(move, session, .imageCreation, "The session has ended.")
            }
            switch move.state {
            case .image: return try await makeImage(move, session, ec2)
            case .launch: return try await launch(move, session, ec2)
            case .health: return try await awaitHealth(move, session, ec2)
            case .stop: return try await stop(move, session, ec2)
            case .rollBack, .done, .failed, .incomplete: return .done
            }
        } catch {
            let reason = "\(error.message) \(error.advice)"
            let mayPass = error.mayPass && (move.state == .rollBack || context.attempt < Self.attemptsMax)
            if mayPass { throw JobFailure.retry(within: Self.retryWithin, reason: reason) }
            if move.state == .rollBack { throw JobFailure.permanent(reason) }
            return fail(move, session, move.state.action, reason)
        }
    }

    /// The job of a move ends without a result: a move that was going forward is rolled back by another job, and what
    /// one that was being rolled back has left is reported.
    func abandon(_ job: MoveJob, _ abandonment: JobAbandonment, in transaction: Transaction) throws {
        guard let move = try transaction.move(job.move, of: job.organisation), !move.state.isFinished,
            let session = try transaction.sandboxSession(move.session, of: move.organisation)
        else { return }
        let reason = abandonment.reason ?? "The process ended repeatedly in this step."
        guard move.state != .rollBack else {
            return try giveUpRollBack(of: move, session, because: reason, in: transaction)
        }
        guard try transaction.advance(move, to: .rollBack, error: reason) else { return }
        try transaction.insertAction(
            move.state.action, .failed, "The step failed.", error: reason, id: runtime.id(), of: session)
        // The present job is unfinished until this transaction commits, and would be the one of this key.
        try enqueue(move.id, move.organisation, key: "\(move.id):roll-back", in: transaction)
        try log.append([LogLine(.error, .error, reason)], to: session, in: transaction)
    }

    private func giveUpRollBack(
        of move: Move, _ session: SandboxSession, because reason: String, in transaction: Transaction
    ) throws {
        guard try transaction.advance(move, to: .incomplete, error: reason) else { return }
        let remaining = try transaction.remainingResources(of: session, from: move)
        let report = CleanUpService.report(remaining, reason)
        try transaction.setCleanUpReport(report, of: session)
        try transaction.insertAction(
            .rollBack, .failed, "The move was not rolled back completely.", error: report, id: runtime.id(),
            of: session)
        try log.append(
            [LogLine(.error, .error, "The move was not rolled back completely. \(report)")], withStatusOf: session,
            in: transaction)
    }
}

// MARK: Steps

extension MoveService {
    private func makeImage(_ move: Move, _ session: SandboxSession, _ ec2: EC2) async throws(AWSError) -> JobOutcome {
        let id = try await ec2.createImage(
            of: move.from, name: move.token, description: "Made by Gatehouse to move \(move.from)", tags: move.tags)
        let image = try await ec2.images([], [EC2Filter("image-id", id)]).first
        switch image?.state {
        case .available:
            return .done { [self] transaction in
                guard try transaction.setMade(.image, id, of: move), try transaction.advance(move, to: .launch) else {
                    return
                }
                try transaction.insertAction(
                    .imageCreation, .success, "The image \(id) is available.", id: runtime.id(), of: session)
                try transaction.insertResource(
                    .instance, token: move.token, id: runtime.id(), of: move.id, session)
                try goOn(
                    move, session, .spotLaunch, "A spot instance is being launched in \(move.pool).", in: transaction)
            }
        case .failed, .error, .invalid, .deregistered, .disabled:
            return fail(move, session, .imageCreation, "The image failed: \(image?.stateReason ?? "no reason given").")
        case .pending, .transient, .unknown, nil:
            return awaited(move, session, .imageCreation, "The image was not available in time.")
        }
    }

    private func launch(_ move: Move, _ session: SandboxSession, _ ec2: EC2) async throws(AWSError) -> JobOutcome {
        guard let image = move.image else { return fail(move, session, .spotLaunch, "There is no image.") }
        guard let old = try await ec2.instances([], [EC2Filter("instance-id", move.from)]).first else {
            return fail(move, session, .spotLaunch, "The instance \(move.from) does not exist any more.")
        }
        // Its owner may have changed its type since the decision.
        guard old.pool == session.pool else {
            return fail(move, session, .spotLaunch, "\(move.from) is in \(old.pool) now, not in \(session.pool).")
        }
        guard old.state == .running else {
            return fail(
                move, session, .spotLaunch, "\(move.from) is \(old.state.rawValue); only a running one is moved.")
        }
        let isSameZone = old.availabilityZone == move.pool.availabilityZone
        let instance = try await ec2.launch(
            EC2LaunchRequest(
                imageID: image, instanceType: move.pool.instanceType, availabilityZone: move.pool.availabilityZone,
                clientToken: move.token, subnetID: isSameZone ? old.subnetID : nil, keyName: old.keyName,
                securityGroupIDs: old.securityGroupIDs, tags: move.tags))
        return .done { [self] transaction in
            guard try transaction.setMade(.instance, instance.id, of: move),
                try transaction.advance(move, to: .health)
            else { return }
            try transaction.insertAction(
                .spotLaunch, .success, "\(instance.id) was launched in \(move.pool).", id: runtime.id(), of: session)
            try goOn(
                move, session, .healthCheck, "The status checks of \(instance.id) are awaited.", in: transaction)
        }
    }

    private func awaitHealth(_ move: Move, _ session: SandboxSession, _ ec2: EC2) async throws(AWSError) -> JobOutcome {
        guard let instance = move.instance else { return fail(move, session, .healthCheck, "There is no instance.") }
        let status = try await ec2.instanceStatus([instance]).first
        if let status, [.shuttingDown, .terminated, .stopping, .stopped].contains(status.state) {
            return fail(move, session, .healthCheck, "\(instance) is \(status.state.rawValue).")
        }
        guard let status, status.isHealthy else {
            return awaited(move, session, .healthCheck, "\(instance) did not pass its status checks in time.")
        }
        return .done { [self] transaction in
            guard try transaction.advance(move, to: .stop) else { return }
            try transaction.setStopping(move)
            try transaction.insertAction(
                .healthCheck, .success, "\(instance) passes both status checks.", id: runtime.id(), of: session)
            try goOn(move, session, .instanceStop, "\(move.from) is being stopped.", in: transaction)
        }
    }

    private func stop(_ move: Move, _ session: SandboxSession, _ ec2: EC2) async throws(AWSError) -> JobOutcome {
        guard let instance = move.instance else { return fail(move, session, .instanceStop, "There is no instance.") }
        let old = try await ec2.instances([], [EC2Filter("instance-id", move.from)]).first
        guard let old, !old.isGone else { return finish(move, session, instance, "\(move.from) was terminated.") }
        if [.pending, .running].contains(old.state) {
            do throws(AWSError) {
                _ = try await ec2.stop([old.id])
            } catch {
                // Instances of one-time spot requests cannot be stopped, only terminated; the image of it stays.
                guard old.isSpot, error.kind == .invalid || error.kind == .wrongState || error.kind == .refused else {
                    throw error
                }
                _ = try await ec2.terminate([old.id])
                return finish(
                    move, session, instance,
                    "\(move.from) was terminated, because an instance of a one-time spot request cannot be stopped.")
            }
        }
        return finish(move, session, instance, "\(move.from) was stopped.")
    }

    /// The replacement is the instance of the session from here on.
    /// - Parameter details: what became of the old instance.
    private func finish(_ move: Move, _ known: SandboxSession, _ instance: String, _ details: String) -> JobOutcome {
        .done { [self] transaction in
            // It may have ended since it was read, and saves nothing then. Locked, so that it ends before or after.
            guard let session = try transaction.lockedSandboxSession(known.id, of: known.organisation),
                try transaction.advance(move, to: .done)
            else { return }
            try transaction.insertAction(.instanceStop, .success, details, id: runtime.id(), of: session)
            try transaction.setTarget(instance, in: move.pool, of: session)
            try transaction.setCleanUpReport(nil, of: session)
            if session.state == .active {
                let prices = PoolPrices(
                    pool: move.pool, spotPrice: move.spotPrice, onDemandPrice: move.onDemandPrice, source: .aws)
                try transaction.recordSavings(prices, id: runtime.id(), of: session)
            }
            try log.append(
                [LogLine(.success, "\(instance) in \(move.pool) has replaced \(move.from).")], withStatusOf: session,
                in: transaction)
        }
    }

    private func rollBack(_ move: Move, _ session: SandboxSession, _ ec2: EC2) async throws(AWSError) -> JobOutcome {
        let removal = CloudRemoval(ec2: ec2)
        // One that its owner has stopped stays so.
        if move.hasStopped {
            switch try await removal.restart(move.from) {
            case .running:
                // At once: what follows may be refused for long, and the owner may stop the instance meanwhile.
                return .done { [self] transaction in
                    try transaction.setRestored(move)
                    try enqueue(move, in: transaction)
                }
            case .stopping: return .snooze(for: Self.pollInterval)
            case .gone:
                // The replacement is the only one that is left.
                if let instance = move.instance {
                    return finish(move, session, instance, "\(move.from) was terminated, and the replacement stays.")
                }
            }
        }
        let tag = [EC2Filter.tag(SandboxTag.moveKey, move.id.text)]
        try await removal.terminate(try await ec2.instances([], tag))
        try await removal.remove(try await ec2.images([], tag))
        return .done { [self] transaction in
            guard try transaction.advance(move, to: .failed) else { return }
            try transaction.setRestored(move)
            try transaction.removeResources(of: move)
            // Nothing is left any more of a roll-back that had given up.
            try transaction.setCleanUpReport(nil, of: session)
            try transaction.insertAction(
                .rollBack, .success, "What the move made is removed; \(move.from) is as before.",
                id: runtime.id(), of: session)
            try log.append(
                [LogLine(.action, .warning, "The move was rolled back; \(move.from) is as before.")],
                withStatusOf: session,
                in: transaction)
        }
    }

    // MARK: Between the steps

    /// Announces the next step, whose job replaces the present one.
    private func goOn(
        _ move: Move, _ session: SandboxSession, _ kind: SandboxAction.Kind, _ details: String,
        in transaction: Transaction
    ) throws {
        try transaction.insertAction(kind, .inProgress, details, id: runtime.id(), of: session)
        try enqueue(move, in: transaction)
        try log.append([LogLine(.action, details)], to: session, in: transaction)
    }

    /// - Returns: waits for AWS, or after ``Move/stepMax`` rolls back.
    private func awaited(
        _ move: Move, _ session: SandboxSession, _ kind: SandboxAction.Kind, _ reason: String
    ) -> JobOutcome {
        runtime.now() < move.stepAt + Move.stepMax
            ? .snooze(for: Self.pollInterval) : fail(move, session, kind, reason)
    }

    /// The move is rolled back.
    private func fail(
        _ move: Move, _ session: SandboxSession, _ kind: SandboxAction.Kind, _ reason: String
    ) -> JobOutcome {
        .done { [self] transaction in
            guard try transaction.advance(move, to: .rollBack, error: reason) else { return }
            try transaction.insertAction(
                kind, .failed, "The step failed; the move is rolled back.", error: reason, id: runtime.id(),
                of: session)
            try enqueue(move, in: transaction)
            try log.append([LogLine(.error, .error, reason)], to: session, in: transaction)
        }
    }

    /// The job of the next step. The present one ends in this transaction, so that its key is taken.
    private func enqueue(_ move: Move, in transaction: Transaction) throws {
        try enqueue(move.id, move.organisation, key: nil, in: transaction)
    }

    private func enqueue(
        _ move: ID<Move>, _ organisation: ID<Organisation>, key: String?, in transaction: Transaction
    ) throws {
        try queue.enqueue(
            MoveJob(move: move, organisation: organisation),
            JobOptions(uniqueKey: key, organisation: organisation.text), in: transaction)
    }
}

extension Move.State {
    /// What is recorded of the step.
    fileprivate var action: SandboxAction.Kind {
        switch self {
        case .image: .imageCreation
        case .launch: .spotLaunch
        case .health: .healthCheck
        case .stop, .done: .instanceStop
        case .rollBack, .failed, .incomplete: .rollBack
        }
    }
}

extension AWSError {
    /// Whether the same request may succeed later.
    var mayPass: Bool {
        switch kind {
        case .clockSkewed, .throttled, .unavailable, .unreachable, .unreadable, .cancelled: true
        default: false
        }
    }
}
