import Models
import Modules

/// The messages that are sent to the model: those of a session, and new ones behind them.
struct Conversation: Sendable {
    let messages: [ModelMessage]

    /// - Parameters:
    ///   - stored: of the session. A call without a result, such as that of an answer that was interrupted, is left
    ///     out, because services refuse it.
    ///   - new: of the request.
    ///   - tokensMax: about as many tokens as the model reads. The oldest turns of a longer conversation are left out;
    ///     instructions and the new messages never are.
    /// - Throws: `validation-failed` for new calls without results, and for results without calls.
    init(_ stored: [ModelMessage], _ new: [ModelMessage], tokensMax: Int64) throws(Problem) {
        let kept = try Self.withPairedCalls(stored + new, storedCount: stored.count)
        messages = Self.windowed(kept.messages, storedCount: kept.storedCount, tokensMax: tokensMax)
    }

    private static func withPairedCalls(_ messages: [ModelMessage], storedCount: Int) throws(Problem) -> (
        messages: [ModelMessage], storedCount: Int
    ) {
        var kept: [ModelMessage] = []
        var left = 0
        var pending: Set<String> = []
        for (index, message) in messages.enumerated() {
            guard message.role == .assistant else {
                for id in message.resultIDs where pending.remove(id) == nil {
                    throw Problem.invalid("/messages", "has a result of a tool without the call before it: \(id)")
                }
                kept.append(message)
                continue
            }
            let calls = message.toolCalls.map(\.id)
            let following = messages[(index + 1)...].prefix { $0.role != .assistant }
            let unanswered = Set(calls).subtracting(following.flatMap(\.resultIDs))
            guard !unanswered.isEmpty else {
                pending = Set(calls)
                kept.append(message)
                continue
            }
            guard index < storedCount else {
                throw Problem.invalid("/messages", "has a call of a tool without its result")
            }
            let content = message.content.filter { part in
                if case .toolCall(let call) = part { !unanswered.contains(call.id) } else { true }
            }
            pending = Set(calls).subtracting(unanswered)
            guard !content.isEmpty else {
                left += 1
                continue
            }
            kept.append(ModelMessage(.assistant, content))
        }
        return (kept, storedCount - left)
    }

    private static func windowed(_ messages: [ModelMessage], storedCount: Int, tokensMax: Int64) -> [ModelMessage] {
        var tokens = messages.map { TokenCount.estimate($0) }.reduce(0, +)
        guard tokens > tokensMax else { return messages }
        var first = 0
        // A turn begins with a message of the user. The newest one is kept, whatever its size.
        let newest = messages.indices.dropFirst(storedCount).first { messages[$0].role != .system }
        let beginnings = messages.indices.prefix((newest ?? storedCount) + 1).filter { messages[$0].beginsTurn }
        for beginning in beginnings where tokens > tokensMax {
            for message in messages[first..<beginning] where message.role != .system {
                tokens -= TokenCount.estimate(message)
            }
            first = beginning
        }
        return messages.indices.filter { $0 >= first || messages[$0].role == .system }.map { messages[$0] }
    }
}
