package import Base
import Synchronization

/// Several services that answer as one. A request is sent to one of them; where that fails before a part of the answer
/// was handed on, to the next one. Each has a circuit.
package final class ModelPool: ModelClient {
    /// A service with its share of the requests.
    package struct Member: Sendable {
        package let name: String
        package let client: any ModelClient
        /// Its share among the members with the model; one with 0 is asked where the others fail, in the order of the
        /// members.
        package let weight: Int
        /// What the service calls the models, by the names of requests. Another model it does not have.
        package let models: [String: String]
        /// Whether its API has images in results of tools. A request with one is sent to no other service where there
        /// is such a one.
        package let takesResultImages: Bool

        package init(
            name: String, client: any ModelClient, weight: Int, models: [String: String],
            takesResultImages: Bool = false
        ) {
            precondition(weight >= 0, "a weight is 0 or more")
            self.name = name
            self.client = client
            self.weight = weight
            self.models = models
            self.takesResultImages = takesResultImages
        }
    }

    private let members: [Member]
    private let circuits: Mutex<[ModelCircuit]>
    private let runtime: Runtime

    package init(_ members: [Member], runtime: Runtime) {
        self.members = members
        self.runtime = runtime
        circuits = Mutex(Array(repeating: ModelCircuit(), count: members.count))
    }

    /// The circuits by the names of the members.
    package var states: [(name: String, state: ModelCircuit.State)] {
        circuits.withLock { circuits in zip(members, circuits).map { ($0.name, $1.state) } }
    }

    package func complete(_ request: ModelRequest) async throws(ModelError) -> ModelResponse {
        do {
            return try await asking(request) { try await $0.complete($1) }
        } catch {
            throw error as? ModelError ?? ModelError(.cancelled, "The request was cancelled.")
        }
    }

    package func stream(
        _ request: ModelRequest, _ use: @escaping @Sendable (ModelEvent) async throws -> Void
    ) async throws -> ModelResponse {
        let beginning = Beginning()
        return try await asking(request, { beginning.hasCome }) { client, request in
            try await client.stream(request) { event in
                beginning.hasCome = true
                try await use(event)
            }
        }
    }

    /// Whether a part was handed on.
    private final class Beginning: Sendable {
        private let stored = Mutex(false)

        var hasCome: Bool {
            get { stored.withLock { $0 } }
            set { stored.withLock { $0 = newValue } }
        }
    }

    // MARK: Members

    /// - Throws: the error of the first member that failed; `overloaded` where no member may be asked.
    private func asking(
        _ request: ModelRequest, _ hasBegun: () -> Bool = { false },
        _ ask: (any ModelClient, ModelRequest) async throws -> ModelResponse
    ) async throws -> ModelResponse {
        let deadline = ContinuousClock.now + request.timeout
        var failure: ModelError?
        for index in order(for: request) where admit(index) {
            let member = members[index]
            var own = request
            own.model = member.models[request.model] ?? request.model
            own.timeout = deadline - .now
            do {
                let response = try await ask(member.client, own)
                change(index) { circuit, _ in circuit.succeed() }
                return response
            } catch {
                guard let error = error as? ModelError else {
                    change(index) { $0.abandon(at: $1) }
                    throw error
                }
                note(error, index)
                guard error.isOfService, !hasBegun(), deadline > .now else { throw error }
                failure = failure ?? error
            }
        }
        throw failure
            ?? ModelError(
                .overloaded, "The services of this model have failed, and are not asked for a while.",
                retryAfter: ModelCircuit.pause)
    }

    /// The members with the model: in a random order by their weights, then those with the weight 0.
    private func order(for request: ModelRequest) -> [Int] {
        var all = members.indices.filter { members[$0].models[request.model] != nil }
        if request.messages.contains(where: \.hasResultImage), all.contains(where: { members[$0].takesResultImages }) {
            all.removeAll { !members[$0].takesResultImages }
        }
        var candidates = all.filter { members[$0].weight > 0 }
        var order: [Int] = []
        while !candidates.isEmpty {
            let sum = candidates.reduce(0) { $0 + members[$1].weight }
            let random = runtime.randomBytes(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
            var rest = Int(random % UInt64(sum))
            let position = candidates.firstIndex { candidate in
                rest -= members[candidate].weight
                return rest < 0
            }
            order.append(candidates.remove(at: position ?? 0))
        }
        return order + all.filter { members[$0].weight == 0 }
    }

    private func note(_ error: ModelError, _ index: Int) {
        change(index) { circuit, now in
            switch error.kind {
            case .cancelled: circuit.abandon(at: now)
            case .refused: circuit.succeed()
            default: circuit.fail(at: now, retryAfter: error.retryAfter)
            }
        }
    }

    private func admit(_ index: Int) -> Bool {
        let now = runtime.now()
        return circuits.withLock { $0[index].admit(at: now) }
    }

    private func change(_ index: Int, _ body: (inout ModelCircuit, Instant) -> Void) {
        let now = runtime.now()
        circuits.withLock { body(&$0[index], now) }
    }
}

extension ModelError {
    /// Whether another service may answer the same request.
    fileprivate var isOfService: Bool { kind != .cancelled && kind != .refused }
}
