import Base
import Foundation

/// An error of a worker that decides about a retry. Any other error is retried, except a `Problem` with a status below
/// 500, which is permanent.
package enum JobFailure: Error, Sendable {
    /// Retry, not before `after` where it is given. `within` bounds the growth of the wait.
    case retry(after: Duration? = nil, within: Duration? = nil, reason: String? = nil)
    /// Do not retry. The reason is stored and shown to users: no secrets.
    case permanent(String)
}

/// Thrown by ``JobContext/checkCancellation()``: the worker has to stop; its further effects are discarded.
package struct JobCancelled: Error, Sendable {
    package enum Reason: Sendable {
        /// The cancellation was requested.
        case requested
        /// The lease was lost: another worker may run the job.
        case leaseLost
        /// The process is stopping; the job is handed back and runs again.
        case draining
    }

    package let reason: Reason
}

/// What follows from an error of a worker.
struct FailedAttempt: Sendable {
    enum Remedy: Sendable, Equatable {
        case permanent
        case retry(noSoonerThan: Duration)
    }

    static let textMax = 500

    let remedy: Remedy
    /// The code of the problem with which the attempt failed, `internal-error` for other errors.
    let code: String
    /// The stored text: the sentences of `Problem`s and `JobFailure`s, else only the error's type, because the text of
    /// other errors may hold secrets.
    let text: String

    init(_ error: any Error) {
        switch error {
        case let problem as Problem where problem.kind == .internalError && problem.cause != nil:
            // A method of `Database` wraps what its body throws, the errors of effects among them.
            self.init(problem.cause ?? problem)
        case JobFailure.permanent(let reason):
            self.init(.permanent, reason)
        case JobFailure.retry(let after, _, let reason):
            self.init(.retry(noSoonerThan: min(after ?? .zero, Backoff.longest)), reason ?? "a retry was requested")
        case let problem as Problem:
            self.init(
                problem.kind.status < 500 ? .permanent : .retry(noSoonerThan: Self.retryAfter(problem)),
                ["\(problem.kind.code): \(problem.title)", problem.detail].compactMap { $0 }.joined(separator: " — "),
                code: problem.kind.code
            )
        default:
            self.init(.retry(noSoonerThan: .zero), Self.name(of: error))
        }
    }

    /// The longest wait before a retry after `error`, unless it asks for a longer one.
    static func waitMax(after error: any Error) -> Duration {
        switch error {
        case let problem as Problem where problem.kind == .internalError && problem.cause != nil:
            waitMax(after: problem.cause ?? problem)
        case JobFailure.retry(_, let within?, _): within
        default: Backoff.longest
        }
    }

    private init(_ remedy: Remedy, _ text: String, code: String = Problem.Kind.internalError.code) {
        self.remedy = remedy
        self.code = code
        self.text = Self.bounded(text)
    }

    static func bounded(_ text: String, to length: Int = textMax) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter { $0 != "\0" }.prefix(length)))
    }

    private static func retryAfter(_ problem: Problem) -> Duration {
        guard let seconds = problem.headers["Retry-After"].flatMap(Int64.init), seconds > 0 else { return .zero }
        return min(.seconds(min(seconds, 1 << 20)), Backoff.longest)
    }

    /// The type and, of an enum, the case without its associated values; else the type and its error code.
    private static func name(of error: any Error) -> String {
        let mirror = Mirror(reflecting: error)
        if mirror.displayStyle == .enum, let label = mirror.children.first?.label {
            return "\(type(of: error)).\(label)"
        }
        return "\(type(of: error)) (code \((error as NSError).code))"
    }
}
