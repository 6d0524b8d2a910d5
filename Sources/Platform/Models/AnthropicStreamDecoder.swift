import Base
import Outbound

/// The events of a streamed message.
struct AnthropicStreamDecoder: ModelStreamDecoder {
    private(set) var answer: ModelAnswer
    private(set) var isComplete = false
    /// Of the calls of tools, by the index of their block.
    private var callIndices: [Int64: Int] = [:]
    private let key: ModelKey?

    init(_ request: ModelRequest, key: ModelKey?) {
        answer = ModelAnswer(count: 1, tokensMax: request.tokensMax)
        self.key = key
    }

    mutating func read(_ event: ServerSentEvent) throws(ModelError) -> [ModelEvent] {
        let value: JSONValue
        do { value = try JSONValue(parsing: event.data) } catch { throw .malformed("an event is not JSON: \(error)") }
        switch value["type"]?.string {
        case "message_start":
            answer.id = value["message"]?["id"]?.string ?? ""
            answer.model = value["message"]?["model"]?.string ?? ""
            answer.usage = AnthropicMessage.usage(value["message"]?["usage"])
            return []
        case "content_block_start": return try start(value)
        case "content_block_delta": return try delta(value)
        case "message_delta":
            // A count that grows, and replaces the one before.
            if let output = value["usage"]?["output_tokens"]?.integer, ModelUsage.counts.contains(output) {
                answer.usage?.output = output
            }
            guard let reason = value["delta"]?["stop_reason"]?.string else { return [] }
            let stop = value["delta"]?["stop_sequence"]?.string
            return [try answer.finish(AnthropicMessage.finish(reason, stopSequence: stop), choice: 0)]
        case "message_stop":
            isComplete = true
            return []
        case "error": throw ModelError(status: nil, error: value["error"], key: key)
        // Pings, ends of blocks, and kinds that the API may add.
        default: return []
        }
    }

    private mutating func start(_ value: JSONValue) throws(ModelError) -> [ModelEvent] {
        guard let index = value["index"]?.integer, let block = value["content_block"] else {
            throw .malformed("a block has no index")
        }
        switch block["type"]?.string {
        case "text":
            guard let text = block["text"]?.string, !text.isEmpty else { return [] }
            return [try answer.addText(text, to: 0)]
        case "tool_use":
            guard let id = block["id"]?.string, let name = block["name"]?.string else {
                throw .malformed("a call of a tool has no name")
            }
            callIndices[index] = answer.toolCallCount(of: 0)
            return [try answer.addToolCall(id, name, to: 0)]
        default: return []
        }
    }

    private mutating func delta(_ value: JSONValue) throws(ModelError) -> [ModelEvent] {
        guard let index = value["index"]?.integer, let delta = value["delta"] else {
            throw .malformed("a part of a block has no index")
        }
        switch delta["type"]?.string {
        case "text_delta":
            guard let text = delta["text"]?.string, !text.isEmpty else { return [] }
            return [try answer.addText(text, to: 0)]
        case "input_json_delta":
            guard let text = delta["partial_json"]?.string, !text.isEmpty, let call = callIndices[index] else {
                return []
            }
            return [try answer.addArguments(text, to: call, of: 0)]
        default: return []
        }
    }
}
