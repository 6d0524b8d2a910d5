package import Base

/// One step of a route, as data: for the documents, and for a dry run of the step by itself.
package struct RouteStep: Sendable {
    package let phase: RequestPhase
    package let summary: RequirementSummary
    /// Evaluates the step alone. Only for a request made by ``Request/dryRun(of:at:parameters:)``, and for steps of
    /// ``Admission/phases``.
    package let verdict: @Sendable (Request) async -> Verdict

    package struct Verdict: Sendable {
        /// Of a requirement that is not required: its proof.
        package let isMet: Bool
        /// Nil where the step does not refuse the request.
        package let refusal: Problem?
    }

    init(_ requirement: some Requirement) {
        let isRequired = requirement.summary.isRequired
        summary = requirement.summary
        phase = requirement.phase
        verdict = { request in
            do throws(Problem) {
                let proof = try await requirement.check(request)
                return Verdict(isMet: isRequired || proof as? Bool ?? true, refusal: nil)
            } catch {
                return Verdict(isMet: false, refusal: error)
            }
        }
    }

    /// A dry run has no body: the step is met.
    init(_ middleware: some BodyMiddleware) {
        summary = middleware.summary
        phase = .afterBody
        verdict = { _ in Verdict(isMet: true, refusal: nil) }
    }
}

extension Request {
    /// Whether the request is a dry run. Steps then reserve nothing, count nothing and write no audit row.
    package var isDryRun: Bool { context.value(of: DryRun.self) != nil }

    /// A request of the same caller to another route, for a dry run of its steps.
    /// - Parameters:
    ///   - path: canonical, without a query.
    ///   - parameters: the values of the `{names}` in the route's path.
    package func dryRun(of route: Route, at path: String, parameters: [String: String]) -> Request {
        let request = Request(
            method: route.method, path: path, parameters: parameters, headers: headers, requestID: requestID,
            address: address, received: received)
        request.context.set(DryRun())
        return request
    }
}

private struct DryRun: Sendable {}
