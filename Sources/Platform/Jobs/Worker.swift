import Foundation
package import Storage

/// Runs the jobs of one kind.
///
/// Jobs run at least once: a worker may be interrupted at any point and its job may start again elsewhere, so
/// everything outside of its outcome's effects must be idempotent.
package struct Worker: Sendable {
    /// ``Job/name`` of its jobs.
    package let name: String
    let perform: @Sendable (_ payload: String, JobContext) async throws -> JobOutcome
    let abandoned: @Sendable (_ payload: String, JobAbandonment, Transaction) throws -> Void

    /// - Parameters:
    ///   - perform: does the work and returns its outcome, whose effects run in the transaction that completes the job.
    ///   - abandoned: releases what was reserved for the job, in the transaction that marks it dead or cancels it while
    ///     it runs. When it throws, the job stays leased and ends later.
    package init<Work: Job>(
        _: Work.Type,
        perform: @escaping @Sendable (Work, JobContext) async throws -> JobOutcome,
        abandoned: @escaping @Sendable (Work, JobAbandonment, Transaction) throws -> Void = { _, _, _ in }
    ) {
        name = Work.name
        self.perform = { payload, context in
            try await perform(try Self.job(Work.self, from: payload), context)
        }
        self.abandoned = { payload, reason, transaction in
            // A job with an unreadable payload never ran, and its reservations are not known here.
            guard let job = try? Self.job(Work.self, from: payload) else { return }
            try abandoned(job, reason, transaction)
        }
    }

    private static func job<Work: Job>(_: Work.Type, from payload: String) throws -> Work {
        do {
            return try JSONDecoder().decode(Work.self, from: Data(payload.utf8))
        } catch {
            throw JobFailure.permanent("The payload cannot be read as a job '\(Work.name)'.")
        }
    }
}

/// The outcome of a job's work without an error.
package struct JobOutcome: Sendable {
    enum Kind: Sendable {
        case done(@Sendable (Transaction) throws -> Void)
        case snooze(Duration)
    }

    let kind: Kind

    package static let done = JobOutcome(kind: .done { _ in })

    /// Done, with effects in the transaction that completes the job: a worker that has lost its lease cannot apply
    /// them.
    package static func done(_ effects: @escaping @Sendable (Transaction) throws -> Void) -> JobOutcome {
        JobOutcome(kind: .done(effects))
    }

    /// Not done: the job runs again after `duration`, and this attempt does not count.
    package static func snooze(for duration: Duration) -> JobOutcome { JobOutcome(kind: .snooze(duration)) }
}

/// Why a job ends without being completed.
package enum JobAbandonment: Sendable, Equatable {
    /// A permanent failure, with a reason for users: a repetition would end in the same way.
    case failed(String)
    /// The attempts are used up by errors that a repetition may not meet. `code` is that of a problem with a status
    /// from 500 on; the text is for the log.
    case exhausted(code: String, String)
    /// Its lease expired too often.
    case poisoned
    case cancelled

    /// Why its last attempt failed; nil where none has failed.
    package var reason: String? {
        switch self {
        case .failed(let reason), .exhausted(_, let reason): reason
        case .poisoned, .cancelled: nil
        }
    }
}
