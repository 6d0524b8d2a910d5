import Base
import Outbound

/// The chunks of a streamed completion.
struct OpenAIStreamDecoder: ModelStreamDecoder {
    private(set) var answer: ModelAnswer
    private(set) var isComplete = false
    /// Choices in which the model refuses to answer.
    private var refused: Set<Int> = []
    /// Of the calls of tools among those of their choice, by their index in the stream.
    private var callIndices: [Place: Int] = [:]
    private let key: ModelKey?

    private struct Place: Hashable {
        let choice: Int
        let index: Int64
    }

    init(_ request: ModelRequest, key: ModelKey?) {
        answer = ModelAnswer(count: request.count, tokensMax: request.tokensMax)
        self.key = key
    }

    mutating func read(_ event: ServerSentEvent) throws(ModelError) -> [ModelEvent] {
        guard !event.data.elementsEqual("[DONE]".utf8) else {
            isComplete = true
            return []
        }
        let value: JSONValue
        do { value = try JSONValue(parsing: event.data) } catch { throw .malformed("an event is not JSON: \(error)") }
        if let error = value["error"], error != .null { throw ModelError(status: nil, error: error, key: key) }
        if let id = value["id"]?.string { answer.id = id }
        if let model = value["model"]?.string { answer.model = model }
        // With the last chunk, or with one after the choices have ended.
        if let usage = OpenAIMessage.usage(value["usage"]) { answer.usage = usage }
        var events: [ModelEvent] = []
        for choice in value["choices"]?.array ?? [] { events += try read(choice) }
        return events
    }

    private mutating func read(_ value: JSONValue) throws(ModelError) -> [ModelEvent] {
        guard let choice = value["index"]?.integer.flatMap(Int.init(exactly:)) else {
            throw .malformed("a choice has no index")
        }
        var events: [ModelEvent] = []
        if let text = value["delta"]?["content"]?.string, !text.isEmpty {
            events.append(try answer.addText(text, to: choice))
        }
        if let text = value["delta"]?["refusal"]?.string, !text.isEmpty {
            refused.insert(choice)
            events.append(try answer.addText(text, to: choice))
        }
        for call in value["delta"]?["tool_calls"]?.array ?? [] { events += try read(call, of: choice) }
        if let reason = value["finish_reason"]?.string {
            let finish = refused.contains(choice) ? ModelFinish.refused : OpenAIMessage.finish(reason)
            events.append(try answer.finish(finish, choice: choice))
        }
        return events
    }

    private mutating func read(_ call: JSONValue, of choice: Int) throws(ModelError) -> [ModelEvent] {
        let place = Place(choice: choice, index: call["index"]?.integer ?? 0)
        var events: [ModelEvent] = []
        if callIndices[place] == nil {
            guard let name = call["function"]?["name"]?.string else { throw .malformed("a call of a tool has no name") }
            let index = answer.toolCallCount(of: choice)
            callIndices[place] = index
            let id = OpenAIMessage.callID(call, of: answer.id, at: index)
            events.append(try answer.addToolCall(id, name, to: choice))
        }
        if let index = callIndices[place], let text = call["function"]?["arguments"]?.string, !text.isEmpty {
            events.append(try answer.addArguments(text, to: index, of: choice))
        }
        return events
    }
}
