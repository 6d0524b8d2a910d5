import Models
import Modules
import NIOCore

/// The chunks of a streamed answer in OpenAI's API.
struct ChatCompletionEncoder: TurnEncoder {
    /// Whether a chunk with the tokens precedes the end.
    let includesUsage: Bool
    let count: Int
    private var head: [String: JSONValue] = [:]
    /// What precedes and follows a text in the chunk of each choice: nearly all chunks differ in nothing else.
    private var textFrames: [(before: [UInt8], after: [UInt8])] = []

    init(_ request: ChatCompletionRequest) {
        includesUsage = request.streamOptions?.includeUsage ?? false
        count = Int(request.n ?? 1)
    }

    mutating func start(of turn: AssistantTurn) -> ByteBuffer {
        head = [
            "id": .string(ChatCompletion.id(of: turn)), "object": "chat.completion.chunk",
            "created": .integer(turn.startedAt.seconds), "model": .string(turn.model),
        ]
        if let session = turn.session { head["session_id"] = .string(session.text) }
        textFrames = (0..<count).map(textFrame)
        var chunks = ByteBuffer()
        for choice in 0..<count { write(choice, ["role": "assistant", "content": ""], nil, to: &chunks) }
        return chunks
    }

    mutating func part(_ event: ModelEvent) -> ByteBuffer? {
        let delta: JSONValue
        switch event.kind {
        case .text(let text): return chunk(text, of: event.choice)
        case .toolCall(let index, let id, let name):
            let function: JSONValue = ["name": .string(name), "arguments": ""]
            let call: JSONValue = [
                "index": .integer(Int64(index)), "id": .string(id), "type": "function", "function": function,
            ]
            delta = ["tool_calls": [call]]
        case .toolArguments(let index, let text):
            let call: JSONValue = ["index": .integer(Int64(index)), "function": ["arguments": .string(text)]]
            delta = ["tool_calls": [call]]
        // Behind the end of every choice, when the answer is stored.
        case .finished: return nil
        }
        var chunk = ByteBuffer()
        write(event.choice, delta, nil, to: &chunk)
        return chunk
    }

    mutating func end(of answer: TurnAnswer) -> ByteBuffer {
        var chunks = ByteBuffer()
        if !answer.approvals.isEmpty { head["tool_approvals"] = .array(answer.approvals.map(\.json)) }
        for (index, choice) in answer.choices.enumerated() {
            write(index, [:], ChatCompletion.reason(choice.finish), to: &chunks)
        }
        if includesUsage {
            let usage = ChatCompletionUsage(answer)
            var chunk = head
            chunk["choices"] = []
            chunk["usage"] = [
                "prompt_tokens": .integer(usage.promptTokens), "completion_tokens": .integer(usage.completionTokens),
                "total_tokens": .integer(usage.totalTokens), "input_tokens": .integer(usage.inputTokens),
                "output_tokens": .integer(usage.outputTokens),
                "total_cost": .decimal("\(usage.totalCost)"),
            ]
            chunks.writeEvent(.object(chunk))
        }
        chunks.writeString("data: [DONE]\n\n")
        return chunks
    }

    mutating func failure(_ problem: Problem, requestID: String) -> ByteBuffer {
        var chunk = ByteBuffer()
        let error: JSONValue = [
            "message": .string(problem.detail ?? problem.title), "type": "api_error", "code": "internal_error",
        ]
        chunk.writeEvent([
            "error": error, "code": .string(problem.kind.code), "request_id": .string(requestID),
        ])
        return chunk
    }

    private func chunk(_ text: String, of choice: Int) -> ByteBuffer? {
        guard textFrames.indices.contains(choice) else { return nil }
        let frame = textFrames[choice]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(frame.before.count + text.utf8.count + 2 + frame.after.count)
        bytes += frame.before
        bytes.append(json: .string(text))
        bytes += frame.after
        return ByteBuffer(bytes: bytes)
    }

    private func textFrame(of choice: Int) -> (before: [UInt8], after: [UInt8]) {
        var before = Array("data: ".utf8)
        before.append(json: .object(head))
        // The object goes on.
        before.removeLast()
        before += #","choices":[{"index":\#(choice),"finish_reason":null,"delta":{"content":"#.utf8
        return (before, Array("}}]}\n\n".utf8))
    }

    private func write(_ choice: Int, _ delta: JSONValue, _ finish: String?, to chunks: inout ByteBuffer) {
        var chunk = head
        chunk["choices"] = [
            ["index": .integer(Int64(choice)), "delta": delta, "finish_reason": finish.map { .string($0) } ?? .null]
        ]
        chunks.writeEvent(.object(chunk))
    }
}

extension ByteBuffer {
    /// Appends a server-sent event.
    /// - Parameter name: nil for an event without one.
    mutating func writeEvent(_ data: JSONValue, name: String? = nil) {
        if let name { writeString("event: \(name)\n") }
        writeString("data: ")
        var json: [UInt8] = []
        json.append(json: data)
        writeBytes(json)
        writeString("\n\n")
    }
}
