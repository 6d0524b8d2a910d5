import Modules

/// A database whose transactions are parts of the traces that are recorded. Others cost a look at the task's trace.
final class TracedDatabase: DatabaseWrapper {
    let base: any Database
    private let tracer: OTLPTracer

    init(_ base: any Database, tracer: OTLPTracer) {
        self.base = base
        self.tracer = tracer
    }

    func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await traced("database read") { () async throws(Problem) in try await base.read(body) }
    }

    func read<Result: Sendable>(
        within limit: Duration, _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async throws(Problem) -> Result {
        try await traced("database read") { () async throws(Problem) in try await base.read(within: limit, body) }
    }

    @discardableResult
    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await traced("database write") { () async throws(Problem) in try await base.write(body) }
    }

    private func traced<Result>(_ name: String, _ work: () async throws(Problem) -> Result) async throws(Problem)
        -> Result
    {
        guard let span = tracer.startPart(name) else { return try await work() }
        defer { span.end() }
        span.set("db.system.name", dialect.name)
        do throws(Problem) { return try await work() } catch {
            // A refusal by a rule is no failure of the database.
            if error.kind.status >= 500 { span.fail(error.kind.code) }
            throw error
        }
    }
}
