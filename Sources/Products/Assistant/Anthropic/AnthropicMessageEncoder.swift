import Models
import Modules
import NIOCore

/// The events of a streamed answer in Anthropic's API.
struct AnthropicMessageEncoder: TurnEncoder {
    private var blockCount = 0
    /// Whether the last block is a text that has not ended.
    private var isInText = false
    /// Whether the last block has not ended.
    private var isInBlock = false
    /// The blocks of calls, by the index of the call.
    private var blocks: [Int: Int] = [:]

    init() {}

    mutating func start(of turn: AssistantTurn) -> ByteBuffer {
        var message: [String: JSONValue] = [
            "id": .string(AnthropicMessageAnswer.id(of: turn)), "type": "message", "role": "assistant",
            "model": .string(turn.model), "content": [], "stop_reason": .null, "stop_sequence": .null,
            // The service tells them at the end.
            "usage": ["input_tokens": 0, "output_tokens": 0],
        ]
        if let session = turn.session { message["session_id"] = .string(session.text) }
        var events = ByteBuffer()
        write("message_start", ["message": .object(message)], to: &events)
        return events
    }

    mutating func part(_ event: ModelEvent) -> ByteBuffer? {
        var events = ByteBuffer()
        switch event.kind {
        case .text(let text):
            if !isInText { begin(["type": "text", "text": ""], isText: true, to: &events) }
            write(["type": "text_delta", "text": .string(text)], of: blockCount - 1, to: &events)
        case .toolCall(let index, let id, let name):
            begin(
                ["type": "tool_use", "id": .string(id), "name": .string(name), "input": [:]], isText: false,
                to: &events)
            blocks[index] = blockCount - 1
        case .toolArguments(let index, let text):
            // Of a block before the last one only where the service mixes the arguments of several calls.
            guard let block = blocks[index] else { return nil }
            write(["type": "input_json_delta", "partial_json": .string(text)], of: block, to: &events)
        // When the answer is stored.
        case .finished: return nil
        }
        return events
    }

    private mutating func begin(_ block: JSONValue, isText: Bool, to events: inout ByteBuffer) {
        endBlock(to: &events)
        write("content_block_start", ["index": .integer(Int64(blockCount)), "content_block": block], to: &events)
        blockCount += 1
        isInText = isText
        isInBlock = true
    }

    private mutating func endBlock(to events: inout ByteBuffer) {
        guard isInBlock else { return }
        write("content_block_stop", ["index": .integer(Int64(blockCount - 1))], to: &events)
        isInText = false
        isInBlock = false
    }

    private func write(_ delta: JSONValue, of block: Int, to events: inout ByteBuffer) {
        write("content_block_delta", ["index": .integer(Int64(block)), "delta": delta], to: &events)
    }

    mutating func end(of answer: TurnAnswer) -> ByteBuffer {
        let (reason, sequence) = AnthropicMessageAnswer.reason(answer.choices.first?.finish ?? .ended)
        let delta: JSONValue = [
            "stop_reason": .string(reason), "stop_sequence": sequence.map { .string($0) } ?? .null,
        ]
        let usage: JSONValue = [
            "input_tokens": .integer(answer.usage.input), "output_tokens": .integer(answer.usage.output),
        ]
        var events = ByteBuffer()
        endBlock(to: &events)
        var members: [String: JSONValue] = ["delta": delta, "usage": usage]
        if !answer.approvals.isEmpty { members["tool_approvals"] = .array(answer.approvals.map(\.json)) }
        write("message_delta", members, to: &events)
        write("message_stop", [:], to: &events)
        return events
    }

    mutating func failure(_ problem: Problem, requestID: String) -> ByteBuffer {
        var events = ByteBuffer()
        events.writeEvent(ModelAPIProblem.anthropic(problem, requestID: requestID), name: "error")
        return events
    }

    private func write(_ name: String, _ members: [String: JSONValue], to events: inout ByteBuffer) {
        var data = members
        data["type"] = .string(name)
        events.writeEvent(.object(data), name: name)
    }
}
