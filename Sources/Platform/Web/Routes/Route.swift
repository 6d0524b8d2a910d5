package import Base
package import HTTPTypes
import NIOCore

/// One endpoint: its method and path, the steps before its handler, and the handler.
///
/// The router, the OpenAPI document, the `routes` command and the test of every endpoint are made from the list of
/// routes, so each of them describes what the server does.
///
/// It is a class because the router hands one to every request.
package final class Route: Sendable {
    package let method: HTTPRequest.Method
    /// `/v1/…`, or a path at the root; `{names}` match one segment.
    package let path: String
    /// Other spellings of the path; the documents list ``path`` only.
    package let aliases: [String]
    package let summary: String
    /// The name under which language models call it as a tool; nil for a route that is none.
    package let toolName: String?
    /// `X-Process-Time` of its responses is rounded up to a multiple of this, in microseconds.
    let processTimeUnit: Int64
    /// Every step before the handler, in the order of the phases; see ``RequestPhase``.
    package let steps: [RouteStep]
    package var gate: [RequirementSummary] { steps.map(\.summary) }
    /// The credentials that are accepted, each by itself sufficient; empty for a public endpoint.
    package var security: [SecurityRequirement] { gate.first { !$0.security.isEmpty }?.security ?? [] }
    package let input: (any Payload.Type)?
    package let answers: [DocumentedResponse]
    /// Every problem that the route may answer with, without duplicates.
    package let problems: [Problem.Kind]
    /// How the route answers with problems; nil for RFC 9457.
    let problemFormat: ProblemFormat?
    private let pipeline: RoutePipeline
    private let enter: @Sendable (Request, RoutePipeline) async throws(Problem) -> Response

    /// The largest JSON body, in bytes.
    package static let maximumBody = 1 << 20

    /// The same route under further paths, written like `path`, or with `/api/` at their beginning: such a spelling
    /// precedes that of the route whose canonical path it is otherwise (``RouteTable/path(of:)``).
    package func alias(_ paths: String...) -> Route { Route(self, addedAliases: paths.map(Self.canonical)) }

    /// The same route, which language models call as a tool too: with the same steps, for the same callers.
    /// - Parameter name: unique among all tools.
    package func asTool(_ name: String) -> Route { Route(self, toolName: name) }

    /// The same route with a coarse `X-Process-Time`, for one whose duration must not tell what its response does not,
    /// such as whether an account exists. The microseconds of the server have none of the noise of the network.
    package func withCoarseProcessTime() -> Route { Route(self, processTimeUnit: 50_000) }

    /// The same route, whose problems have another form.
    package func answeringProblems(as format: ProblemFormat) -> Route { Route(self, problemFormat: format) }

    /// The same route with one more step, behind the steps of its phase.
    /// - Parameter isEnabled: false documents the step and does not run it.
    package func guarded(by added: any Middleware, isEnabled: Bool = true) -> Route {
        Route(
            self, added: (RouteStep(added), added.problems), pipeline: isEnabled ? pipeline.adding(added) : pipeline)
    }

    /// The same route with a check of its decoded body; unchanged where the check does not apply to the body.
    /// - Parameter isEnabled: false documents the check and does not run it.
    package func guarded(by added: any BodyMiddleware, isEnabled: Bool = true) -> Route {
        guard let input, added.applies(to: input) else { return self }
        return Route(
            self, added: (RouteStep(added), added.problems), pipeline: isEnabled ? pipeline.adding(added) : pipeline)
    }

    private init(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ summary: String,
        _ declared: Declared,
        input: (any Payload.Type)?,
        output: any ResponseConvertible.Type,
        problems: [Problem.Kind],
        enter: @escaping @Sendable (Request, RoutePipeline) async throws(Problem) -> Response
    ) {
        let phases = declared.steps.map(\.phase)
        precondition(
            zip(phases, phases.dropFirst()).allSatisfy { $0 <= $1 } && phases.allSatisfy { $0 <= .body },
            "\(method) \(path) declares its requirements out of the order of the phases"
        )
        self.method = method
        self.path = Self.canonical(path)
        aliases = []
        toolName = nil
        processTimeUnit = 1
        problemFormat = nil
        self.summary = summary
        self.input = input
        self.enter = enter
        steps = declared.steps
        pipeline = RoutePipeline(declared: phases)
        answers = output.documented
        let body: [Problem.Kind] =
            input == nil ? [] : [.invalidPayload, .payloadTooLarge, .unsupportedMediaType, .validationFailed]
        var seen: Set<Problem.Kind> = []
        self.problems = (declared.problems + body + problems + [.invalidRequest, .internalError, .overloaded]).filter {
            seen.insert($0).inserted
        }
    }

    /// A copy with what was added.
    private init(
        _ route: Route, addedAliases: [String] = [], added: (step: RouteStep, problems: [Problem.Kind])? = nil,
        pipeline: RoutePipeline? = nil, processTimeUnit: Int64? = nil, problemFormat: ProblemFormat? = nil,
        toolName: String? = nil
    ) {
        (method, path, summary) = (route.method, route.path, route.summary)
        (input, answers, enter) = (route.input, route.answers, route.enter)
        aliases = route.aliases + addedAliases
        self.toolName = toolName ?? route.toolName
        self.processTimeUnit = processTimeUnit ?? route.processTimeUnit
        self.problemFormat = problemFormat ?? route.problemFormat
        var (steps, problems) = (route.steps, route.problems)
        if let (step, kinds) = added {
            steps.insert(step, at: steps.firstIndex { $0.phase > step.phase } ?? steps.count)
            problems += kinds.filter { !problems.contains($0) }
        }
        (self.steps, self.problems) = (steps, problems)
        self.pipeline = pipeline ?? route.pipeline
    }

    /// Runs the steps and then the handler.
    package func respond(_ request: Request) async throws(Problem) -> Response {
        do {
            return try await enter(request, pipeline)
        } catch {
            throw await pipeline.answer(to: error, of: request)
        }
    }

    /// `auth/login` is `/v1/auth/login`; a path that begins with a slash stays at the root.
    static func canonical(_ path: String) -> String { path.hasPrefix("/") ? path : "/v1/" + path }
}

extension Route {
    package static func get<Output: ResponseConvertible, Who: Requirement, each Need: Requirement>(
        _ path: String,
        _ summary: String,
        requires who: Who,
        _ need: repeat each Need,
        problems: [Problem.Kind] = [],
        handler: @escaping @Sendable (Who.Proof, repeat (each Need).Proof) async throws -> Output
    ) -> Route {
        make(.get, path, summary, who, repeat each need, problems: problems, handler: handler)
    }

    package static func delete<Output: ResponseConvertible, Who: Requirement, each Need: Requirement>(
        _ path: String,
        _ summary: String,
        requires who: Who,
        _ need: repeat each Need,
        problems: [Problem.Kind] = [],
        handler: @escaping @Sendable (Who.Proof, repeat (each Need).Proof) async throws -> Output
    ) -> Route {
        make(.delete, path, summary, who, repeat each need, problems: problems, handler: handler)
    }

    /// A route without a body, or one whose body a requirement such as `.multipart` reads.
    package static func post<Output: ResponseConvertible, Who: Requirement, each Need: Requirement>(
        _ path: String,
        _ summary: String,
        requires who: Who,
        _ need: repeat each Need,
        problems: [Problem.Kind] = [],
        handler: @escaping @Sendable (Who.Proof, repeat (each Need).Proof) async throws -> Output
    ) -> Route {
        make(.post, path, summary, who, repeat each need, problems: problems, handler: handler)
    }

    package static func post<Input: Payload, Output: ResponseConvertible, Who: Requirement, each Need: Requirement>(
        _ path: String,
        _ summary: String,
        requires who: Who,
        _ need: repeat each Need,
        problems: [Problem.Kind] = [],
        handler: @escaping @Sendable (Input, Who.Proof, repeat (each Need).Proof) async throws -> Output
    ) -> Route {
        make(.post, path, summary, who, repeat each need, problems: problems, handler: handler)
    }

    package static func put<Input: Payload, Output: ResponseConvertible, Who: Requirement, each Need: Requirement>(
        _ path: String,
        _ summary: String,
        requires who: Who,
        _ need: repeat each Need,
        problems: [Problem.Kind] = [],
        handler: @escaping @Sendable (Input, Who.Proof, repeat (each Need).Proof) async throws -> Output
    ) -> Route {
        make(.put, path, summary, who, repeat each need, problems: problems, handler: handler)
    }

    package static func patch<Input: Payload, Output: ResponseConvertible, Who: Requirement, each Need: Requirement>(
        _ path: String,
        _ summary: String,
        requires who: Who,
        _ need: repeat each Need,
        problems: [Problem.Kind] = [],
        handler: @escaping @Sendable (Input, Who.Proof, repeat (each Need).Proof) async throws -> Output
    ) -> Route {
        make(.patch, path, summary, who, repeat each need, problems: problems, handler: handler)
    }

    private static func make<Output: ResponseConvertible, Who: Requirement, each Need: Requirement>(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ summary: String,
        _ who: Who,
        _ need: repeat each Need,
        problems: [Problem.Kind],
        handler: @escaping @Sendable (Who.Proof, repeat (each Need).Proof) async throws -> Output
    ) -> Route {
        var declared = Declared(who)
        for requirement in repeat each need { declared.add(requirement) }
        let readsBody = declared.steps.contains { $0.summary.kind == .body }
        let repeated = readsBody ? RepeatedSteps(steps: declared.repeated) : nil
        return Route(method, path, summary, declared, input: nil, output: Output.self, problems: problems) {
            request, pipeline async throws(Problem) in
            if let repeated { request.context.set(repeated) }
            var position = 0
            let caller = try await pipeline.proof(of: who, at: &position, request)
            let proofs = (repeat try await pipeline.proof(of: each need, at: &position, request))
            if pipeline.hasLastSteps { try await pipeline.finish(request) }
            let output: Output
            do { output = try await handler(caller, repeat each proofs) } catch { throw Problem.wrapping(error) }
            return try output.response()
        }
    }

    private static func make<Input: Payload, Output: ResponseConvertible, Who: Requirement, each Need: Requirement>(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ summary: String,
        _ who: Who,
        _ need: repeat each Need,
        problems: [Problem.Kind],
        handler: @escaping @Sendable (Input, Who.Proof, repeat (each Need).Proof) async throws -> Output
    ) -> Route {
        var declared = Declared(who)
        for requirement in repeat each need { declared.add(requirement) }
        let reader = BodyReader(for: Input.self)
        return Route(method, path, summary, declared, input: Input.self, output: Output.self, problems: problems) {
            request, pipeline async throws(Problem) in
            var position = 0
            let caller = try await pipeline.proof(of: who, at: &position, request)
            let proofs = (repeat try await pipeline.proof(of: each need, at: &position, request))
            if pipeline.hasLastSteps { try await pipeline.finish(request) }
            let input: Input = try await reader.read(request)
            let output: Output
            if let again = request.readmission() {
                let renewedCaller = try await pipeline.renewed(caller, of: who, again)
                let renewed = (repeat try await pipeline.renewed(each proofs, of: each need, again))
                try await pipeline.check(input, of: request)
                do {
                    output = try await handler(input, renewedCaller, repeat each renewed)
                } catch { throw Problem.wrapping(error) }
            } else {
                try await pipeline.check(input, of: request)
                do { output = try await handler(input, caller, repeat each proofs) } catch {
                    throw Problem.wrapping(error)
                }
            }
            return try output.response()
        }
    }

    /// The declared requirements as steps, with their problems.
    fileprivate struct Declared {
        var steps: [RouteStep] = []
        var problems: [Problem.Kind] = []

        init(_ who: some Requirement) { add(who) }

        /// The steps that are evaluated again while a raw body arrives.
        var repeated: [RouteStep] { steps.filter { Admission.phases.contains($0.phase) } }

        mutating func add(_ requirement: some Requirement) {
            steps.append(RouteStep(requirement))
            problems += requirement.problems
        }
    }
}
