import Models
import Synchronization

/// The parts of an answer that have arrived.
final class TurnProgress: Sendable {
    private let choices: Mutex<[(text: String, finish: ModelFinish?)]>

    init(count: Int) { choices = Mutex(Array(repeating: ("", nil), count: count)) }

    func add(_ event: ModelEvent) {
        choices.withLock { choices in
            guard choices.indices.contains(event.choice) else { return }
            switch event.kind {
            case .text(let text): choices[event.choice].text += text
            case .finished(let finish): choices[event.choice].finish = finish
            case .toolCall, .toolArguments: break
            }
        }
    }

    var texts: [String] { choices.withLock { $0.map(\.text) } }

    /// What has arrived, as an answer that was stopped.
    var stopped: [TurnAnswer.Choice] {
        choices.withLock { $0.map { TurnAnswer.Choice(text: $0.text, finish: $0.finish ?? .ended) } }
    }
}
