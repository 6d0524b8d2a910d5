import Entitlements
import Identity
import Modules

/// Orders greetings and settles their quota.
final class GreetingService: Sendable {
    let database: any Database
    let quotas: QuotaService
    let queue: JobQueue
    let runtime: Runtime

    init(database: any Database, quotas: QuotaService, queue: JobQueue, runtime: Runtime) {
        self.database = database
        self.quotas = quotas
        self.queue = queue
        self.runtime = runtime
    }

    /// Inserts a greeting with its reservation and its job: all three or none.
    /// - Throws: `quota-exceeded` where another request took the last unit since the gate's check.
    func order(_ payload: NewGreeting, scope: Scope, charge: Charge) async throws(Problem) -> Accepted<GreetingView> {
        let id: ID<Greeting> = runtime.id()
        let greeting = try await database.write { [quotas, queue] transaction in
            let operation = "greeting:\(id)"
            let reservation = try quotas.reserve(
                charge, operation: operation, fingerprint: operation, in: transaction)
            let greeting = Greeting(
                id: id, organisation: scope.organisation, name: payload.name, reservation: reservation,
                at: transaction.now)
            try transaction.insert(greeting)
            try queue.enqueue(WriteGreetingJob(greeting), WriteGreetingJob.options(greeting), in: transaction)
            return greeting
        }
        return Accepted(GreetingView(greeting), follow: "/v1/greetings/\(id)")
    }

    func list(scope: Scope, limit: Int) async throws(Problem) -> GreetingList {
        try await database.read { transaction in
            GreetingList(greetings: try transaction.greetings(in: scope, limit: limit).map { GreetingView($0) })
        }
    }

    /// - Throws: `not-found`, also for a greeting of another organisation.
    func view(scope: Scope, id: ID<Greeting>) async throws(Problem) -> GreetingView {
        let greeting = try await database.read { try $0.greeting(id, of: scope.organisation) }
        guard let greeting else { throw Problem(.notFound) }
        return GreetingView(greeting)
    }

    // MARK: For the job

    /// - Returns: nil where the greeting is not queued any more.
    func queued(_ id: ID<Greeting>, of organisation: ID<Organisation>) async throws(Problem) -> Greeting? {
        let greeting = try await database.read { try $0.greeting(id, of: organisation) }
        return greeting?.state == .queued ? greeting : nil
    }

    /// Stores the text and commits the reservation. A repeat changes nothing.
    func complete(_ greeting: Greeting, text: String, in transaction: Transaction) throws {
        guard try transaction.end(greeting, as: .written, text: text) else { return }
        try quotas.commit(greeting.reservation, in: transaction)
    }

    /// Marks the greeting as failed and releases the reservation. A repeat changes nothing.
    func abandon(_ id: ID<Greeting>, of organisation: ID<Organisation>, in transaction: Transaction) throws {
        guard let greeting = try transaction.greeting(id, of: organisation),
            try transaction.end(greeting, as: .failed, text: nil)
        else { return }
        try quotas.release(greeting.reservation, in: transaction)
    }
}
