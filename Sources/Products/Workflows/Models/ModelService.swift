import GoalGraphs
import Identity
import Models
import Modules
import Rates

/// The language models of the installation: which one is asked, how often, and what it costs.
final class ModelService: Sendable {
    private let database: any Database
    /// In the order of the settings.
    private let models: [WorkflowModel]
    private let limiter: RateLimiter
    private let timeout: Duration

    /// Of one organisation. A call with the repair of its answer counts once.
    static let callsPerMinute: Int64 = 100
    /// Of a request beside its messages, such as its schema, in bytes.
    private static let overheadBytes = 2_000
    private static let policy = RatePolicy("model-calls", Rates(.perMinute(callsPerMinute)))

    /// - Parameters:
    ///   - models: with distinct names, at least one.
    ///   - timeout: of one call, with the attempts at it.
    init(database: any Database, models: [WorkflowModel], limiter: RateLimiter, timeout: Duration) {
        self.database = database
        self.models = models
        self.limiter = limiter
        self.timeout = timeout
    }

    /// The models, the most reliable one first; of equally reliable ones in the order of the settings.
    /// - Parameter first: the name of one that precedes them; nil, or that of one that is not there any more, for none.
    func models(beginningWith first: String? = nil) async throws -> [WorkflowModel] {
        guard models.count > 1 else { return models }
        let sorted = sorted(try await database.read { try $0.reliabilities() })
        return sorted.filter { $0.name == first } + sorted.filter { $0.name != first }
    }

    /// The most reliable model beside another one.
    /// - Returns: nil where there is none.
    func model(otherThan name: String, in transaction: Transaction) throws -> String? {
        guard models.count > 1 else { return nil }
        return sorted(try transaction.reliabilities()).first { $0.name != name }?.name
    }

    /// What calls of different models may cost, whichever are asked, with the repairs of their answers.
    /// - Parameters:
    ///   - calls: of that many models, or of all where there are fewer.
    ///   - bytes: of the messages of one call; a token has one byte or more.
    ///   - tokensMax: of an answer.
    func costMax(of calls: Int, bytes: Int, tokensMax: Int) -> MicroDollars {
        // A repair sends the messages again, with the first answer and what is wrong with it.
        let usage = ModelUsage(
            input: Int64(2 * (bytes + Self.overheadBytes) + tokensMax), output: Int64(2 * tokensMax))
        let costs = models.map { $0.cost(of: usage) }.sorted(by: >)
        return costs.prefix(calls).reduce(.zero) { $0 + $1 }
    }

    private func sorted(_ reliabilities: [String: ModelReliability]) -> [WorkflowModel] {
        // The offset, because the order of equal elements is otherwise not defined.
        models.enumerated().sorted { left, right in
            let (before, after) = (
                reliabilities[left.element.name] ?? .initial, reliabilities[right.element.name] ?? .initial
            )
            return before == after ? left.offset < right.offset : before > after
        }.map(\.element)
    }

    /// Counts calls that are about to be made.
    /// - Throws: ``ModelCallsExceeded``; then none was counted.
    func admit(_ calls: Int, of organisation: ID<Organisation>) async throws(ModelCallsExceeded) {
        if let wait = await limiter.takeOrWait(Int64(calls), of: Self.policy, from: organisation.text) {
            throw ModelCallsExceeded(wait: max(wait, .seconds(1)))
        }
    }

    /// Asks a model for JSON. An answer that `read` does not accept is repaired once.
    /// - Parameter messages: with what the user has written as data in a message of its own.
    /// - Throws: `CancellationError` where the job was stopped.
    func ask<Answer: Sendable>(
        _ model: WorkflowModel, _ messages: [ModelMessage], schema: ModelSchema, tokensMax: Int,
        read: (JSONValue) throws(ModelAnswerFault) -> Answer
    ) async throws -> ModelCall<Answer> {
        let request = ModelRequest(
            model: model.name, messages: messages, tokensMax: tokensMax, schema: schema, timeout: timeout)
        do throws(ModelError) {
            let (answer, usage) = try await model.client.json(request, read: read)
            return ModelCall(model: model.name, result: .success(answer), cost: model.cost(of: usage))
        } catch {
            guard error.kind != .cancelled else { throw CancellationError() }
            // Of an answer that cannot be used the service may not tell the tokens; without an answer there are none.
            let unknown = error.kind == .malformed ? WorkflowModel.usualCost : .zero
            let cost = error.usage.map { model.cost(of: $0) } ?? unknown
            return ModelCall(model: model.name, result: .failure(error), cost: cost)
        }
    }
}
