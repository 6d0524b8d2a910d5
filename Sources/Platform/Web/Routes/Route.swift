package import Base
package import HTTPTypes
import NIOCore

/// One door: its address, what it asks of a caller, and what happens behind it.
///
/// From the list of routes come the router, the OpenAPI document, the `routes` command and the test that drives every door,
/// so none of them can say something else than what happens.
package struct Route: Sendable {
    package let method: HTTPRequest.Method
    /// `/v1/…`, or a path at the root; `{names}` match one segment.
    package let path: String
    /// Other spellings of the path that reach this door and are not documented on their own.
    package private(set) var aliases: [String] = []
    package let summary: String
    /// The requirements of the gate, each by itself, in its order.
    package private(set) var checks: [GateCheck]
    package var gate: [GateSummary] { checks.map(\.summary) }
    package let input: (any Payload.Type)?
    package let answers: [DocumentedResponse]
    /// Everything that this door may refuse with, without duplicates.
    package private(set) var problems: [Problem.Kind]
    /// In the order of their stages; only those that are on duty.
    private var guards: [any Middleware] = []
    private let enter: @Sendable (Request, MiddlewareChain?) async throws(Problem) -> Response

    /// The largest JSON body that is read, in bytes.
    package static let maximumBody = 1 << 20

    /// The same door under other addresses, written like `path`.
    package func alias(_ paths: String...) -> Route {
        var route = self
        route.aliases += paths.map(Self.canonical)
        return route
    }

    /// The same door with a guard before it, whose place is behind those of its own stage.
    /// - Parameter isOnDuty: a guard that is not is documented like others, and asks nobody for anything.
    package func guarded(by added: any Middleware, isEnabled: Bool = true) -> Route {
        var route = self
        route.checks.insert(GateCheck(added), at: checks.firstIndex { $0.stage > added.stage } ?? checks.count)
        route.problems += added.problems.filter { !problems.contains($0) }
        if isEnabled { route.guards.insert(added, at: guards.firstIndex { $0.stage > added.stage } ?? guards.count) }
        return route
    }

    /// Lets a call through the gate to the handler.
    package func respond(_ call: Request) async throws(Problem) -> Response {
        guard !guards.isEmpty else { return try await enter(call, nil) }
        do {
            return try await enter(call, MiddlewareChain(guards))
        } catch {
            var problem = error
            for one in guards { problem = await one.answer(to: problem, of: call) }
            throw problem
        }
    }

    /// `auth/login` is `/v1/auth/login`; what begins with a slash stands at the root.
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
        door(.get, path, summary, who, repeat each need, problems: problems, handler: handler)
    }

    package static func delete<Output: ResponseConvertible, Who: Requirement, each Need: Requirement>(
        _ path: String,
        _ summary: String,
        requires who: Who,
        _ need: repeat each Need,
        problems: [Problem.Kind] = [],
        handler: @escaping @Sendable (Who.Proof, repeat (each Need).Proof) async throws -> Output
    ) -> Route {
        door(.delete, path, summary, who, repeat each need, problems: problems, handler: handler)
    }

    /// A door that takes no body, or reads it itself through a requirement such as `.multipart`.
    package static func post<Output: ResponseConvertible, Who: Requirement, each Need: Requirement>(
        _ path: String,
        _ summary: String,
        requires who: Who,
        _ need: repeat each Need,
        problems: [Problem.Kind] = [],
        handler: @escaping @Sendable (Who.Proof, repeat (each Need).Proof) async throws -> Output
    ) -> Route {
        door(.post, path, summary, who, repeat each need, problems: problems, handler: handler)
    }

    package static func post<Input: Payload, Output: ResponseConvertible, Who: Requirement, each Need: Requirement>(
        _ path: String,
        _ summary: String,
        requires who: Who,
        _ need: repeat each Need,
        problems: [Problem.Kind] = [],
        handler: @escaping @Sendable (Input, Who.Proof, repeat (each Need).Proof) async throws -> Output
    ) -> Route {
        door(.post, path, summary, who, repeat each need, problems: problems, handler: handler)
    }

    package static func put<Input: Payload, Output: ResponseConvertible, Who: Requirement, each Need: Requirement>(
        _ path: String,
        _ summary: String,
        requires who: Who,
        _ need: repeat each Need,
        problems: [Problem.Kind] = [],
        handler: @escaping @Sendable (Input, Who.Proof, repeat (each Need).Proof) async throws -> Output
    ) -> Route {
        door(.put, path, summary, who, repeat each need, problems: problems, handler: handler)
    }

    package static func patch<Input: Payload, Output: ResponseConvertible, Who: Requirement, each Need: Requirement>(
        _ path: String,
        _ summary: String,
        requires who: Who,
        _ need: repeat each Need,
        problems: [Problem.Kind] = [],
        handler: @escaping @Sendable (Input, Who.Proof, repeat (each Need).Proof) async throws -> Output
    ) -> Route {
        door(.patch, path, summary, who, repeat each need, problems: problems, handler: handler)
    }

    private static func door<Output: ResponseConvertible, Who: Requirement, each Need: Requirement>(
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
        return Route(method, path, summary, declared, input: nil, output: Output.self, problems: problems) {
            call, passage async throws(Problem) in
            let caller = try await who.check(call, on: passage)
            let proofs = (repeat try await (each need).check(call, on: passage))
            try await passage?.rest(call)
            return try await Problem.catching { try await handler(caller, repeat each proofs) }.response()
        }
    }

    private static func door<Input: Payload, Output: ResponseConvertible, Who: Requirement, each Need: Requirement>(
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
        let namesAccount = Input.self is any NamesAccount.Type
        return Route(method, path, summary, declared, input: Input.self, output: Output.self, problems: problems) {
            call, passage async throws(Problem) in
            let caller = try await who.check(call, on: passage)
            let proofs = (repeat try await (each need).check(call, on: passage))
            try await passage?.rest(call)
            let input: Input = try await reader.read(call)
            if namesAccount { try await AccountCheck.look(at: input, of: call) }
            return try await Problem.catching { try await handler(input, caller, repeat each proofs) }.response()
        }
    }

    private init(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ summary: String,
        _ declared: Declared,
        input: (any Payload.Type)?,
        output: any ResponseConvertible.Type,
        problems: [Problem.Kind],
        enter: @escaping @Sendable (Request, MiddlewareChain?) async throws(Problem) -> Response
    ) {
        precondition(
            zip(declared.checks, declared.checks.dropFirst()).allSatisfy { $0.stage <= $1.stage },
            "\(method) \(path) declares its requirements out of the order of the gate"
        )
        self.method = method
        self.path = Self.canonical(path)
        self.summary = summary
        self.input = input
        self.enter = enter
        checks = declared.checks
        answers = output.documented
        let body: [Problem.Kind] =
            input == nil ? [] : [.invalidPayload, .payloadTooLarge, .unsupportedMediaType, .validationFailed]
        var seen: Set<Problem.Kind> = []
        self.problems = (declared.problems + body + problems + [.invalidRequest, .internalError, .overloaded]).filter {
            seen.insert($0).inserted
        }
    }

    /// What the requirements of one door say of themselves.
    private struct Declared {
        var checks: [GateCheck] = []
        var problems: [Problem.Kind] = []

        init(_ who: some Requirement) { add(who) }

        mutating func add(_ requirement: some Requirement) {
            checks.append(GateCheck(requirement))
            problems += requirement.problems
        }
    }
}

/// A payload that may also come as an HTML form.
package protocol FormReadable: Payload {}

/// Reads one kind of payload from the bodies of calls.
struct BodyReader: Sendable {
    private let decoder: PayloadDecoder
    private let acceptsForms: Bool
    private let mayBeOmitted: Bool
    private let shapes: [BodyFormat]
    private let bytesMax: Int

    init(for payload: any Payload.Type) {
        decoder = PayloadDecoder(for: payload)
        acceptsForms = payload is any FormReadable.Type
        mayBeOmitted = payload is any OptionalBody.Type
        let manyShaped = payload as? any MultiFormatBody.Type
        shapes = manyShaped?.shapes ?? []
        bytesMax = manyShaped?.bodyBytesMax ?? Route.maximumBody
    }

    /// - Throws: 415 for another media type, 413, 400 or 422 for a body that does not fit.
    func read<Input: Payload>(_ call: Request) async throws(Problem) -> Input {
        let mediaType =
            call.headers[.contentType].map { $0.prefix { $0 != ";" }.lowercased().filter { $0 != " " } }
            ?? "application/json"
        if acceptsForms, mediaType == "application/x-www-form-urlencoded" {
            let body = try await call.body.collect(upTo: Route.maximumBody)
            let form = Query(String(buffer: body)).values
            return try decoder.decode(Input.self, from: .object(form.mapValues { .string($0) }))
        }
        guard mediaType == "application/json" || mediaType.hasSuffix("+json") else {
            throw Problem(
                .unsupportedMediaType,
                detail: "Send application/json\(acceptsForms ? " or application/x-www-form-urlencoded" : "").")
        }
        let body = try await call.body.collect(upTo: bytesMax)
        if mayBeOmitted, body.readableBytes == 0 { return try decoder.decode(Input.self, from: [:]) }
        guard !shapes.isEmpty else { return try decoder.decode(Input.self, from: body) }
        let value = try PayloadDecoder.json(body)
        guard let input = try shapes.shape(of: value, mediaType)?.read(value) as? Input else {
            preconditionFailure("\(Input.self) has a shape for application/json, and every shape gives one")
        }
        return input
    }
}
