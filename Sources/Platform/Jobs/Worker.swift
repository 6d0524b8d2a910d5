import Foundation
package import Storage

/// What does the jobs of one kind.
///
/// Jobs run at least once: a worker may be cut off at any point and its job begun again elsewhere, so whatever it does outside of
/// its outcome's effects is safe to do twice.
package struct Worker: Sendable {
    /// ``Job/name`` of what it works on.
    package let name: String
    let perform: @Sendable (_ payload: String, JobContext) async throws -> JobOutcome
    let abandoned: @Sendable (_ payload: String, JobAbandonment, Transaction) throws -> Void

    /// - Parameters:
    ///   - perform: does the work and says how it ended. Its effects run in the transaction that completes the job.
    ///   - abandoned: releases what was held for the job, in the transaction that makes it dead or that cancels it while it runs. When
    ///     it throws, the job stays as it is and ends later.
    package init<Work: Job>(
        _: Work.Type,
        perform: @escaping @Sendable (Work, JobContext) async throws -> JobOutcome,
        abandoned: @escaping @Sendable (Work, JobAbandonment, Transaction) throws -> Void = { _, _, _ in }
    ) {
        name = Work.name
        self.perform = { payload, context in
            try await perform(try Self.job(Work.self, from: payload), context)
        }
        self.abandoned = { payload, why, transaction in
            // What cannot be read never ran, and cannot be told what to release.
            guard let job = try? Self.job(Work.self, from: payload) else { return }
            try abandoned(job, why, transaction)
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

/// How a job's work ended well.
package struct JobOutcome: Sendable {
    enum Kind: Sendable {
        case done(@Sendable (Transaction) throws -> Void)
        case snooze(Duration)
    }

    let kind: Kind

    package static let done = JobOutcome(kind: .done { _ in })

    /// Done, with effects that become true together with the job's completion or not at all: a worker that has lost its job cannot
    /// apply them.
    package static func done(_ effects: @escaping @Sendable (Transaction) throws -> Void) -> JobOutcome {
        JobOutcome(kind: .done(effects))
    }

    /// Not yet: run the job again after a while, without counting this attempt.
    package static func snooze(for duration: Duration) -> JobOutcome { JobOutcome(kind: .snooze(duration)) }
}

/// Why a job ends without being done.
package enum JobAbandonment: Sendable, Equatable {
    case failed(String)
    /// It took its worker down too often.
    case poisoned
    case cancelled
}
