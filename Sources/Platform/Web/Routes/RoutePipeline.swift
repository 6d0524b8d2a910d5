import Base

/// The steps that the wiring adds to a route, arranged around its declared requirements when the route is made.
///
/// Immutable and shared by all requests of the route: a request allocates nothing for its steps.
final class RoutePipeline: Sendable {
    /// The phases of the declared requirements, in their order.
    private let declared: [RequestPhase]
    /// The element at `i` runs before the declared requirement `i`; the last one runs before the body is read.
    private let middleware: [[any Middleware]]
    private let bodyMiddleware: [any BodyMiddleware]

    init(declared: [RequestPhase]) {
        self.declared = declared
        middleware = Array(repeating: [], count: declared.count + 1)
        bodyMiddleware = []
    }

    private init(declared: [RequestPhase], middleware: [[any Middleware]], bodyMiddleware: [any BodyMiddleware]) {
        self.declared = declared
        self.middleware = middleware
        self.bodyMiddleware = bodyMiddleware
    }

    /// The same pipeline with one more step, behind those of its phase.
    func adding(_ added: any Middleware) -> RoutePipeline {
        precondition(added.phase < .body, "middleware runs before the body is read")
        let position = declared.firstIndex { $0 > added.phase } ?? declared.count
        var middleware = middleware
        let index = middleware[position].firstIndex { $0.phase > added.phase } ?? middleware[position].count
        middleware[position].insert(added, at: index)
        return RoutePipeline(declared: declared, middleware: middleware, bodyMiddleware: bodyMiddleware)
    }

    func adding(_ added: any BodyMiddleware) -> RoutePipeline {
        RoutePipeline(declared: declared, middleware: middleware, bodyMiddleware: bodyMiddleware + [added])
    }

    /// Runs the steps up to a declared requirement, and the requirement.
    /// - Parameter position: the index of the requirement; counted on.
    func proof<Declared: Requirement>(
        of requirement: Declared, at position: inout Int, _ request: Request
    ) async throws(Problem) -> Declared.Proof {
        for step in middleware[position] { try await step.check(request) }
        position += 1
        return try await requirement.check(request)
    }

    /// Whether steps run behind the last declared requirement.
    var hasLastSteps: Bool { !middleware[declared.count].isEmpty }

    /// The proof of a requirement that is checked again, or the earlier one of a phase that is not; see ``Admission``.
    func renewed<Declared: Requirement>(
        _ proof: Declared.Proof, of requirement: Declared, _ request: Request
    ) async throws(Problem) -> Declared.Proof {
        Admission.phases.contains(requirement.phase) ? try await requirement.check(request) : proof
    }

    /// Runs the steps behind the last declared requirement.
    func finish(_ request: Request) async throws(Problem) {
        for step in middleware[declared.count] { try await step.check(request) }
    }

    /// Runs the steps of ``RequestPhase/afterBody``.
    func check(_ body: some Payload, of request: Request) async throws(Problem) {
        for step in bodyMiddleware { try await step.check(body, of: request) }
    }

    /// The problem to answer with, once every middleware has seen it.
    func answer(to problem: Problem, of request: Request) async -> Problem {
        var problem = problem
        for steps in middleware {
            for step in steps { problem = await step.answer(to: problem, of: request) }
        }
        return problem
    }
}
