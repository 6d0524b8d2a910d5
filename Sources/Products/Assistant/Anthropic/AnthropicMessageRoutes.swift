import Entitlements
import Identity
import Modules

/// The endpoint of Anthropic's clients.
struct AnthropicMessageRoutes: Sendable {
    let turns: TurnService
    let member: Member
    let entitlements: EntitlementsModule

    private typealias Output = Either<AnthropicMessageAnswer, EventStream>

    var routes: [Route] {
        [
            .post(
                "messages", "Answer a conversation, in the form of Anthropic's API",
                requires: member.allowing(.assistant), entitlements.allowance(.tokens),
                problems: ChatCompletionRoutes.problems
            ) { [turns] (request: AnthropicMessageRequest, scope, allowance) -> Output in
                let turn = try request.turn()
                guard turn.isStreamed else {
                    let answer = try await turns.complete(turn, scope: scope, allowance: allowance)
                    return .first(AnthropicMessageAnswer(answer))
                }
                return .second(
                    try await turns.stream(
                        turn, as: AnthropicMessageEncoder(), scope: scope, allowance: allowance))
            }.answeringProblems(as: .anthropic).guarded(by: entitlements.rate(.assistant))
        ]
    }
}
