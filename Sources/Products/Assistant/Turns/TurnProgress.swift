import Models
import Synchronization

/// The parts of an answer that have arrived.
final class TurnProgress: Sendable {
    private struct Choice {
        var text = ""
        var toolCalls: [ModelToolCall] = []
        var finish: ModelFinish?
    }

    private let choices: Mutex<[Choice]>

    init(count: Int) { choices = Mutex(Array(repeating: Choice(), count: count)) }

    func add(_ event: ModelEvent) {
        choices.withLock { choices in
            guard choices.indices.contains(event.choice) else { return }
            switch event.kind {
            case .text(let text): choices[event.choice].text += text
            case .toolCall(_, let id, let name):
                choices[event.choice].toolCalls.append(ModelToolCall(id: id, name: name, arguments: ""))
            case .toolArguments(let index, let text):
                guard choices[event.choice].toolCalls.indices.contains(index) else { return }
                choices[event.choice].toolCalls[index].arguments += text
            case .finished(let finish): choices[event.choice].finish = finish
            }
        }
    }

    var isEmpty: Bool { choices.withLock { $0.allSatisfy { $0.text.isEmpty && $0.toolCalls.isEmpty } } }

    /// About as many tokens as have arrived.
    var tokens: Int64 {
        choices.withLock { $0.reduce(0) { $0 + TokenCount.estimate(ModelMessage(answer: $1.text, $1.toolCalls)) } }
    }

    /// What has arrived, as an answer that was stopped. Calls of one that has not ended are left out: the last of them
    /// may lack a part of its arguments.
    var stopped: [ModelResponse.Choice] {
        choices.withLock { choices in
            choices.map { choice in
                ModelResponse.Choice(
                    text: choice.text, toolCalls: choice.finish == nil ? [] : choice.toolCalls,
                    finish: choice.finish ?? .ended)
            }
        }
    }
}

extension ModelMessage {
    init(answer text: String, _ calls: [ModelToolCall]) {
        self.init(.assistant, (text.isEmpty && !calls.isEmpty ? [] : [.text(text)]) + calls.map { .toolCall($0) })
    }
}
