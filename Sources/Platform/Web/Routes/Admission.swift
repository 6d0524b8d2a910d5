import Base
import Synchronization

/// How long the answers of a route's steps hold while the body arrives.
///
/// A client decides when it sends the end of a body. What admitted the request may have ended by then: the session, a
/// role, a membership, the subscription. So the steps of ``phases`` are evaluated again once ``lifetime`` has passed,
/// before the body is used. Rates are not taken a second time.
enum Admission {
    /// With the half second in which a node learns of a revocation, at most the second that a revocation may take.
    static let lifetime: Duration = .milliseconds(500)
    /// Evaluating the steps of these phases takes nothing, and writes to the audit trail alone.
    static let phases: Set<RequestPhase> = [.identity, .account, .entitlement]
}

extension Request {
    /// The same request without what earlier steps left in its context, where ``Admission/lifetime`` has passed since
    /// its head arrived; otherwise nil.
    func readmission() -> Request? {
        guard let clock, Self.hasExpired(received, at: clock()) else { return nil }
        return withoutContext()
    }

    /// The body, in whose course the steps are evaluated again at most once per ``Admission/lifetime``.
    func checkedBody(_ steps: [RouteStep]) -> RequestBody {
        guard let clock, !steps.isEmpty else { return body }
        let checked = Mutex(received)
        return body.checked { [self] () async throws(Problem) in
            let now = clock()
            guard checked.withLock({ Self.hasExpired($0, at: now) }) else { return }
            let request = self.withoutContext()
            for step in steps {
                if let refusal = await step.verdict(request).refusal { throw refusal }
            }
            checked.withLock { $0 = now }
        }
    }

    /// A clock that was set back ends the admission too.
    private static func hasExpired(_ admitted: Instant, at now: Instant) -> Bool {
        now < admitted || now - admitted >= Admission.lifetime
    }

    private func withoutContext() -> Request {
        Request(
            method: method, path: path, parameters: parameters, query: query, headers: headers, body: body,
            requestID: requestID, address: address, received: received, clock: clock)
    }
}

/// The steps that ``RawBody`` evaluates again while its body arrives.
struct RepeatedSteps: Sendable {
    let steps: [RouteStep]
}
