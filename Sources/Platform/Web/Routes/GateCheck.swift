package import Base

/// One requirement of a door, by itself: for telling somebody what the gate would say.
package struct GateCheck: Sendable {
    package let summary: GateSummary
    package let stage: GateStage
    /// Whether this call meets it. Only a call that is a rehearsal may be held against a requirement by itself.
    package let verdict: @Sendable (Request) async -> Verdict

    package struct Verdict: Sendable {
        /// Of a right, whether the caller has it.
        package let isMet: Bool
        /// Nil where it refuses nobody, or not this call.
        package let refusal: Problem?
    }

    init(_ requirement: some Requirement) {
        summary = requirement.summary
        stage = requirement.stage
        verdict = { call in
            do throws(Problem) {
                let proof = try await requirement.check(call)
                return Verdict(isMet: requirement.summary.kind == .right ? proof as? Bool ?? true : true, refusal: nil)
            } catch {
                return Verdict(isMet: false, refusal: error)
            }
        }
    }
}

extension Request {
    /// A call that only asks what would happen: a requirement that takes something, or notes whom it turned away, lets that be.
    package var isDryRun: Bool { context.value(of: DryRun.self) != nil }

    /// The same caller before another door, to see what its gate would say.
    /// - Parameters:
    ///   - path: canonical, without a query.
    ///   - parameters: what the `{names}` of the door's path stand for.
    package func dryRun(of route: Route, at path: String, parameters: [String: String]) -> Request {
        let call = Request(
            method: route.method, path: path, parameters: parameters, headers: headers, requestID: requestID,
            address: address, received: received)
        call.context.set(DryRun())
        return call
    }
}

private struct DryRun: Sendable {}
