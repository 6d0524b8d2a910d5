import Models
import Modules

/// The rounds of an answer whose model calls tools of servers, as one answer.
struct AnswerRounds: Sendable {
    private let first: AssistantTurn
    private let tools: Set<String>
    private var texts: [String] = []
    private var usage = ModelUsage(input: 0, output: 0)
    private var costMicros: Int64 = 0

    /// Between the texts of two rounds.
    static let separator = "\n\n"

    /// - Parameter tools: the names of the tools whose calls the client does not get.
    init(_ first: AssistantTurn, hiding tools: Set<String>) {
        self.first = first
        self.tools = tools
    }

    var hasText: Bool { !texts.isEmpty }

    mutating func add(_ outcome: TurnOutcome, costMicros: Int64) {
        if let text = outcome.choices.first?.text, !text.isEmpty { texts.append(text) }
        usage = usage + outcome.usage
        self.costMicros += costMicros
    }

    /// The whole answer, with its last round.
    func ended(_ last: Result<TurnAnswer, Problem>, approvals: [AssistantToolApproval] = []) -> Result<
        TurnAnswer, Problem
    > {
        last.map { last in
            let choice = last.choices.first
            let own = choice.map(\.text).flatMap { $0.isEmpty ? nil : $0 }
            let calls = (choice?.toolCalls ?? []).filter { !tools.contains($0.name) }
            let finish = choice?.finish ?? .ended
            return TurnAnswer(
                turn: first,
                choices: [
                    ModelResponse.Choice(
                        text: (texts + [own].compactMap { $0 }).joined(separator: Self.separator), toolCalls: calls,
                        finish: finish == .toolCalls && calls.isEmpty ? .ended : finish)
                ], usage: usage + last.usage, costMicros: costMicros + last.costMicros, approvals: approvals)
        }
    }
}
