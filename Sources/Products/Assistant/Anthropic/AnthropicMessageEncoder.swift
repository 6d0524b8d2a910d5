import Models
import Modules
import NIOCore

/// The events of a streamed answer in Anthropic's API.
struct AnthropicMessageEncoder: TurnEncoder {
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
        let block: JSONValue = ["type": "text", "text": ""]
        write("content_block_start", ["index": 0, "content_block": block], to: &events)
        return events
    }

    mutating func part(_ event: ModelEvent) -> ByteBuffer? {
        guard case .text(let text) = event.kind else { return nil }
        let delta: JSONValue = ["type": "text_delta", "text": .string(text)]
        var events = ByteBuffer()
        write("content_block_delta", ["index": 0, "delta": delta], to: &events)
        return events
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
        write("content_block_stop", ["index": 0], to: &events)
        write("message_delta", ["delta": delta, "usage": usage], to: &events)
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
