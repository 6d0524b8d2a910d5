import Base
import Foundation

/// How a worker says what is to become of its job. Any other error is tried again, except a `Problem` below 500, which is final.
package enum JobFailure: Error, Sendable {
    /// Try again, no sooner than after this long where it is given.
    case retry(after: Duration? = nil, reason: String? = nil)
    /// Never try again. The reason is shown to people and kept: no secrets.
    case permanent(String)
}

/// What ``JobContext/checkCancellation()`` throws: the worker is to stop; whatever it would still do is discarded.
package struct JobCancelled: Error, Sendable {
    package enum Reason: Sendable {
        /// Somebody asked for it.
        case requested
        /// The lease was lost: somebody else has the job now.
        case leaseLost
        /// The process is stopping; the job is handed back and runs again elsewhere.
        case draining
    }

    package let reason: Reason
}

/// A thrown error, judged.
struct FailedAttempt: Sendable {
    enum Remedy: Sendable, Equatable {
        case permanent
        case retry(noSoonerThan: Duration)
    }

    static let textMax = 500

    let remedy: Remedy
    /// What is kept of the error: sentences that were written for people, else only the error's type, since its text may hold secrets.
    let text: String

    init(_ error: any Error) {
        switch error {
        case let problem as Problem where problem.kind == .internalError && problem.cause != nil:
            // A database's verb wraps what its body throws, the effects' errors among them.
            self.init(problem.cause ?? problem)
        case JobFailure.permanent(let reason):
            self.init(.permanent, reason)
        case JobFailure.retry(let after, let reason):
            self.init(.retry(noSoonerThan: min(after ?? .zero, Backoff.longest)), reason ?? "asked to be tried again")
        case let problem as Problem:
            self.init(
                problem.kind.status < 500 ? .permanent : .retry(noSoonerThan: Self.retryAfter(problem)),
                ["\(problem.kind.code): \(problem.title)", problem.detail].compactMap { $0 }.joined(separator: " — ")
            )
        default:
            self.init(.retry(noSoonerThan: .zero), Self.name(of: error))
        }
    }

    private init(_ remedy: Remedy, _ text: String) {
        self.remedy = remedy
        self.text = Self.bounded(text)
    }

    static func bounded(_ text: String, to length: Int = textMax) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter { $0 != "\0" }.prefix(length)))
    }

    private static func retryAfter(_ problem: Problem) -> Duration {
        guard let seconds = problem.headers["Retry-After"].flatMap(Int64.init), seconds > 0 else { return .zero }
        return min(.seconds(min(seconds, 1 << 20)), Backoff.longest)
    }

    /// The type and, of an enum, the case, without what it carries; else the type's own code.
    private static func name(of error: any Error) -> String {
        let mirror = Mirror(reflecting: error)
        if mirror.displayStyle == .enum, let label = mirror.children.first?.label {
            return "\(type(of: error)).\(label)"
        }
        return "\(type(of: error)) (code \((error as NSError).code))"
    }
}
