import Base
import Outbound

/// An answer of which parts have arrived.
struct ModelAnswer: Sendable {
    /// Of one choice.
    static let toolCallsMax = 128
    /// Of one choice, for each of its tokens and beside them: no answer within its tokens has as many.
    private static let bytesPerToken = 64
    private static let furtherBytes = 64 << 10

    private struct Choice {
        var text = ""
        var toolCalls: [ModelToolCall] = []
        var finish: ModelFinish?
        var bytes = 0
    }

    var id = ""
    var model = ""
    var usage: ModelUsage?
    private var choices: [Choice]
    private let bytesMax: Int
    /// Whether there is a part that was handed on.
    private(set) var hasBegun = false

    /// - Parameters:
    ///   - count: the choices that were asked for.
    ///   - tokensMax: of a choice. A service that does not keep to it is not read for much longer.
    init(count: Int, tokensMax: Int) {
        choices = Array(repeating: Choice(), count: count)
        let (bytes, isTooLarge) = max(0, tokensMax).multipliedReportingOverflow(by: Self.bytesPerToken)
        bytesMax = isTooLarge ? .max : max(bytes, bytes &+ Self.furtherBytes)
    }

    /// Whether every choice has ended.
    var isFinished: Bool { choices.allSatisfy { $0.finish != nil } }

    mutating func addText(_ text: String, to choice: Int) throws(ModelError) -> ModelEvent {
        try count(text, of: choice)
        choices[choice].text += text
        return event(choice, .text(text))
    }

    mutating func addToolCall(_ id: String, _ name: String, to choice: Int) throws(ModelError) -> ModelEvent {
        try count(name, of: choice)
        try count(id, of: choice)
        let index = choices[choice].toolCalls.count
        guard index < Self.toolCallsMax else { throw .malformed("more than \(Self.toolCallsMax) calls of tools") }
        choices[choice].toolCalls.append(ModelToolCall(id: id, name: name, arguments: ""))
        return event(choice, .toolCall(index: index, id: id, name: name))
    }

    /// - Parameter index: among the calls of the choice.
    mutating func addArguments(_ text: String, to index: Int, of choice: Int) throws(ModelError) -> ModelEvent {
        try count(text, of: choice)
        guard choices[choice].toolCalls.indices.contains(index) else {
            throw .malformed("arguments of a call that did not begin")
        }
        choices[choice].toolCalls[index].arguments += text
        return event(choice, .toolArguments(index: index, text))
    }

    mutating func finish(_ finish: ModelFinish, choice: Int) throws(ModelError) -> ModelEvent {
        try check(choice)
        choices[choice].finish = finish
        return event(choice, .finished(finish))
    }

    /// The calls that the choice has.
    func toolCallCount(of choice: Int) -> Int { choices.indices.contains(choice) ? choices[choice].toolCalls.count : 0 }

    /// Nil unless every choice has ended.
    var response: ModelResponse? {
        let ended = choices.compactMap { choice in
            choice.finish.map { finish in
                // A tool without parameters is called without any text.
                let calls = choice.toolCalls.map { call in
                    ModelToolCall(
                        id: call.id, name: call.name, arguments: call.arguments.isEmpty ? "{}" : call.arguments)
                }
                return ModelResponse.Choice(text: choice.text, toolCalls: calls, finish: finish)
            }
        }
        guard ended.count == choices.count else { return nil }
        return ModelResponse(id: id, model: model, choices: ended, usage: usage)
    }

    private mutating func event(_ choice: Int, _ kind: ModelEvent.Kind) -> ModelEvent {
        hasBegun = true
        return ModelEvent(choice: choice, kind)
    }

    private mutating func count(_ text: String, of choice: Int) throws(ModelError) {
        try check(choice)
        choices[choice].bytes += text.utf8.count
        guard choices[choice].bytes <= bytesMax else { throw .malformed("the answer is longer than its bound") }
    }

    private func check(_ choice: Int) throws(ModelError) {
        guard choices.indices.contains(choice), choices[choice].finish == nil else {
            throw .malformed("a choice that was not asked for, or has ended")
        }
    }
}

extension ModelError {
    static func malformed(_ what: String) -> ModelError {
        ModelError(.malformed, "The response of the model's service cannot be used: \(what).")
    }
}

/// Reads the events of one API's streams.
protocol ModelStreamDecoder: Sendable {
    var answer: ModelAnswer { get }
    /// Whether no further event is needed.
    var isComplete: Bool { get }

    /// - Returns: the parts of the answer that the event has.
    /// - Throws: an error that the service reports, or for an event that is none of the API.
    mutating func read(_ event: ServerSentEvent) throws(ModelError) -> [ModelEvent]
}
