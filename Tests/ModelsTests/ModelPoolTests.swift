import Base
import Models
import Synchronization
import TestKit
import Testing

/// Several services: their shares, what follows a failure, and the circuit of each.
@Suite struct ModelPoolTests {
    /// A service whose answers a test scripts. The last one is also that of further requests.
    private final class Service: ModelClient {
        enum Outcome: Sendable {
            case text
            case failure(ModelError)
            /// A part, and then the error.
            case broken(ModelError)
        }

        private let answer: Mutex<Outcome>
        private let names = Mutex<[String]>([])
        /// The models that were asked for.
        var requests: [String] { names.withLock { $0 } }

        init(_ answer: Outcome) { self.answer = Mutex(answer) }

        func script(_ new: Outcome) { answer.withLock { $0 = new } }

        func complete(_ request: ModelRequest) async throws(ModelError) -> ModelResponse {
            names.withLock { $0.append(request.model) }
            switch answer.withLock({ $0 }) {
            case .text: return response
            case .failure(let error), .broken(let error): throw error
            }
        }

        func stream(
            _ request: ModelRequest,
            _ use: nonisolated(nonsending) @escaping @Sendable (ModelEvent) async throws -> Void
        ) async throws -> ModelResponse {
            names.withLock { $0.append(request.model) }
            switch answer.withLock({ $0 }) {
            case .text:
                try await use(ModelEvent(choice: 0, .text("Yes.")))
                return response
            case .failure(let error): throw error
            case .broken(let error):
                try await use(ModelEvent(choice: 0, .text("Ye")))
                throw error
            }
        }

        private var response: ModelResponse {
            ModelResponse(id: "1", model: "m", choices: [.init(text: "Yes.", finish: .ended)], usage: nil)
        }
    }

    private let clock = TestClock()
    private let request = ModelRequest(model: "m", messages: [ModelMessage(.user, "Hello?")], tokensMax: 10)

    private func pool(_ members: (service: Service, weight: Int)...) -> ModelPool {
        let clock = clock
        return ModelPool(
            members.enumerated().map { index, member in
                ModelPool.Member(
                    name: "\(index)", client: member.service, weight: member.weight, models: ["m": "m-\(index)"])
            }, runtime: Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes))
    }

    private func error(_ kind: ModelError.Kind, retryAfter: Duration? = nil) -> ModelError {
        ModelError(kind, "Trouble.", retryAfter: retryAfter)
    }

    @Test func `requests are shared by weight, under the names of the services`() async throws {
        let (first, second, spare) = (Service(.text), Service(.text), Service(.text))
        let pool = pool((first, 3), (second, 1), (spare, 0))
        for _ in 0..<200 { _ = try await pool.complete(request) }
        #expect(first.requests.count + second.requests.count == 200 && spare.requests.isEmpty)
        #expect((110...185).contains(first.requests.count), "\(first.requests.count)")
        #expect(Set(first.requests) == ["m-0"] && Set(second.requests) == ["m-1"])
        var other = request
        other.model = "other"
        #expect(await pool.failure(other)?.kind == .overloaded)
    }

    @Test(arguments: [
        ModelError.Kind.overloaded, .rateLimited, .unreachable, .timedOut, .malformed, .unauthorized, .interrupted,
    ])
    func `what fails before its first part is asked of the next service`(kind: ModelError.Kind) async throws {
        let (first, spare) = (Service(.failure(error(kind))), Service(.text))
        let pool = pool((first, 1), (spare, 0))
        let (events, response, _) = await pool.streamed(request)
        #expect(response?.choices[0].text == "Yes." && events.count == 1)
        #expect(try await pool.complete(request).choices.count == 1)
        #expect(first.requests.count == 2 && spare.requests == ["m-1", "m-1"])
    }

    @Test func `a refused request, a cancelled one and a half-answered stream are not asked again`() async throws {
        for answer in [
            Service.Outcome.failure(error(.refused)), .failure(error(.cancelled)), .broken(error(.interrupted)),
        ] {
            let (first, spare) = (Service(answer), Service(.text))
            let (_, response, error) = await pool((first, 1), (spare, 0)).streamed(request)
            #expect(response == nil && error != nil && spare.requests.isEmpty)
        }
    }

    @Test func `where all fail the error is that of the first`() async throws {
        let first = Service(.failure(error(.rateLimited, retryAfter: .seconds(9))))
        let pool = pool((first, 1), (Service(.failure(error(.unreachable))), 0))
        let failure = await pool.failure(request)
        #expect(failure?.kind == .rateLimited && failure?.retryAfter == .seconds(9))
    }

    @Test func `a service that fails five times in a row is left alone, and then tried once`() async throws {
        let (first, spare) = (Service(.failure(error(.unreachable))), Service(.text))
        let pool = pool((first, 1), (spare, 0))
        for _ in 0..<7 { _ = try await pool.complete(request) }
        #expect(first.requests.count == 5 && spare.requests.count == 7)
        #expect(pool.states[0].state == .open(until: clock.now + .seconds(30)))
        clock.advance(by: .seconds(30))
        // The failed trial opens it again.
        for _ in 0..<2 { _ = try await pool.complete(request) }
        #expect(first.requests.count == 6)
        clock.advance(by: .seconds(30))
        first.script(.text)
        for _ in 0..<3 { _ = try await pool.complete(request) }
        #expect(first.requests.count == 9 && pool.states[0].state == .closed(failures: 0))
    }

    @Test func `a service alone that is left alone says how long`() async throws {
        let pool = pool((Service(.failure(error(.overloaded))), 1))
        for _ in 0..<5 { _ = await pool.failure(request) }
        let failure = await pool.failure(request)
        #expect(failure?.kind == .overloaded && failure?.retryAfter == .seconds(30), "\(String(describing: failure))")
    }

    @Test func `a circuit admits one request after its pause, which may end without telling anything`() {
        var circuit = ModelCircuit()
        let now = Instant(seconds: 1_000)
        for _ in 0..<4 { circuit.fail(at: now, retryAfter: nil) }
        circuit.succeed()
        for _ in 0..<5 { circuit.fail(at: now, retryAfter: .hours(1)) }
        let later = now + .minutes(5)
        #expect(circuit.state == .open(until: later))
        let admissions = [now, later, later].map { circuit.admit(at: $0) }
        #expect(admissions == [false, true, false])
        circuit.abandon(at: later)
        let again = circuit.admit(at: later)
        #expect(again)
        circuit.succeed()
        #expect(circuit.state == .closed(failures: 0))
    }
}
