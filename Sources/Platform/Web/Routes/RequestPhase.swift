/// The phases of a request before the handler, in the order in which they run.
///
/// A route has one ordered list of steps (``Route/steps``). Each step belongs to one phase and is one of three kinds:
/// - a ``Requirement`` that the route declares; its proof is an argument of the handler;
/// - a ``Middleware`` that the wiring adds, such as a rate limit; it runs after the other steps of its phase;
/// - a ``BodyMiddleware`` that the wiring adds; it reads the decoded body.
///
/// The first step that throws ends the request: no step after it runs, and the body is not read before ``body``.
/// A route that declares its requirements out of this order stops the program when the route is made.
/// Where the body takes longer than ``Admission/lifetime``, the requirements of ``identity``, ``account`` and
/// ``entitlement`` are checked again behind it, and the handler gets their new proofs.
/// Before the first phase, the server enforces ``HTTPLimits`` and ``RequestDispatcher`` assigns the request id.
/// After the last phase, the handler runs; it spends its proofs in its own transaction.
package enum RequestPhase: Int, Sendable, Comparable {
    /// Decided without a credential: public endpoints, the `Origin` of a browser, rate limits by network address.
    case network
    /// The credential.
    case identity
    /// What the caller is allowed to reach.
    case account
    /// Rate limits by caller.
    case rate
    /// What the caller is entitled to use, and how much of it is left.
    case entitlement
    /// Path, query, header fields and body are decoded and validated.
    case body
    /// Checks that need the decoded body.
    case afterBody

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
