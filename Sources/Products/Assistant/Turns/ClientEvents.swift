import Models
import Synchronization

/// The parts of one round of an answer that its client gets: none of calls of servers' tools.
final class ClientEvents: Sendable {
    private struct State {
        /// Indices of calls in what the client gets, by those of the model.
        var indices: [Int: Int] = [:]
        var needsSeparator: Bool
    }

    private let tools: Set<String>
    private let use: @Sendable (ModelEvent) async -> Void
    private let state: Mutex<State>

    /// - Parameters:
    ///   - tools: the names of servers' tools.
    ///   - followsText: whether the client has got a text of an earlier round.
    init(hiding tools: Set<String>, followsText: Bool, _ use: @escaping @Sendable (ModelEvent) async -> Void) {
        self.tools = tools
        self.use = use
        state = Mutex(State(needsSeparator: followsText))
    }

    /// Returns once the client has room for further parts.
    func send(_ event: ModelEvent) async {
        for event in state.withLock({ visible(event, &$0) }) { await use(event) }
    }

    private func visible(_ event: ModelEvent, _ state: inout State) -> [ModelEvent] {
        switch event.kind {
        case .text:
            guard state.needsSeparator else { return [event] }
            state.needsSeparator = false
            return [ModelEvent(choice: event.choice, .text(AnswerRounds.separator)), event]
        case .toolCall(let index, let id, let name):
            guard !tools.contains(name) else { return [] }
            let own = state.indices.count
            state.indices[index] = own
            return [ModelEvent(choice: event.choice, .toolCall(index: own, id: id, name: name))]
        case .toolArguments(let index, let text):
            guard let own = state.indices[index] else { return [] }
            return [ModelEvent(choice: event.choice, .toolArguments(index: own, text))]
        case .finished: return [event]
        }
    }
}
