package import Base
package import HTTPTypes

/// A requirement that whoever wires the system adds to a door, which its handler need not know of: it proves nothing to anybody, and stands in
/// the gate where its stage says.
package protocol Middleware: Requirement where Proof == Void {
    /// The last word about a call that was refused further on.
    /// - Returns: what the caller is told; the same problem, as a rule.
    func answer(to problem: Problem, of call: Request) async -> Problem
}

extension Middleware {
    package func answer(to problem: Problem, of call: Request) async -> Problem { problem }
}

/// One call's way past the guards of its door: each is met once, before the first requirement of a later stage.
final class MiddlewareChain {
    private let guards: [any Middleware]
    private var next = 0

    /// - Parameter guards: in the order of their stages.
    init(_ guards: [any Middleware]) { self.guards = guards }

    func before(_ stage: GateStage, _ call: Request) async throws(Problem) {
        while next < guards.count, guards[next].stage < stage {
            next += 1
            try await guards[next - 1].check(call)
        }
    }

    func rest(_ call: Request) async throws(Problem) {
        while next < guards.count {
            next += 1
            try await guards[next - 1].check(call)
        }
    }
}

extension Requirement {
    func check(_ call: Request, on passage: MiddlewareChain?) async throws(Problem) -> Proof {
        if let passage { try await passage.before(stage, call) }
        return try await check(call)
    }
}

/// Header fields that requirements add to a call's answer, whatever it will be: a fact of the call.
package struct ResponseFields: Sendable {
    package var fields: [(name: HTTPField.Name, value: String)]

    package init(_ fields: [(name: HTTPField.Name, value: String)]) { self.fields = fields }

    func add(to response: inout Response) {
        for field in fields { response.headers[field.name] = field.value }
    }
}

/// A payload that says whose account it is about, so that tries at one account can be counted wherever they come from.
package protocol NamesAccount: Payload {
    /// As the client wrote it, such as an e-mail address.
    var accountName: String? { get }
}

/// What is to be done about the account that a body names, before its handler sees it: a fact of the call, set by a guard.
package struct AccountCheck: Sendable {
    package let check: @Sendable (_ accountName: String) async throws(Problem) -> Void

    package init(_ check: @escaping @Sendable (String) async throws(Problem) -> Void) { self.check = check }

    static func look(at input: some Payload, of call: Request) async throws(Problem) {
        guard let name = (input as? any NamesAccount)?.accountName,
            let watch = call.context.value(of: AccountCheck.self)
        else { return }
        try await watch.check(name)
    }
}
