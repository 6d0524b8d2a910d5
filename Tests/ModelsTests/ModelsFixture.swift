import Base
import Models
import TestKit

/// A client of a model on the test server. The waits of the client take no time.
struct ModelsFixture: Sendable {
    let model: TestModel
    let client: any ModelClient
    let pauses = Pauses()

    init(_ api: ModelUpstream.API, _ settings: ModelClientSettings = ModelClientSettings()) throws {
        model = try TestModels.model()
        client = try model.upstream(api).client(settings, runtime: .system) { [pauses] in pauses.add($0) }
    }

    /// A request of one message.
    func request(_ text: String = "Hello?", timeout: Duration = .seconds(20)) -> ModelRequest {
        ModelRequest(model: model.name, messages: [ModelMessage(.user, text)], tokensMax: 100, timeout: timeout)
    }
}

extension ModelClient {
    /// The parts of a streamed answer, the answer, and the error.
    func streamed(_ request: ModelRequest) async -> (events: [ModelEvent], response: ModelResponse?, error: ModelError?)
    {
        let events = Events()
        do {
            let response = try await stream(request) { await events.add($0) }
            return (await events.all, response, nil)
        } catch {
            return (await events.all, nil, error as? ModelError)
        }
    }

    func failure(_ request: ModelRequest) async -> ModelError? {
        do throws(ModelError) {
            _ = try await complete(request)
            return nil
        } catch {
            return error
        }
    }
}

private actor Events {
    private(set) var all: [ModelEvent] = []

    func add(_ event: ModelEvent) { all.append(event) }
}
