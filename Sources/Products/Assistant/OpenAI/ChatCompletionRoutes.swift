import Entitlements
import Identity
import Modules

/// The endpoint of OpenAI's clients.
struct ChatCompletionRoutes: Sendable {
    let turns: TurnService
    let settings: AssistantSettings
    let member: Member
    let entitlements: EntitlementsModule

    private typealias Output = Either<ChatCompletion, EventStream>

    var routes: [Route] {
        [
            .post(
                "chat/completions", "Answer a conversation, in the form of OpenAI's API",
                requires: member.allowing(.assistant), entitlements.allowance(.tokens), problems: Self.problems
            ) { [turns, settings] (request: ChatCompletionRequest, scope, allowance) -> Output in
                let turn = try request.turn(answerTokens: settings.answerTokens)
                guard turn.isStreamed else {
                    let answer = try await turns.complete(turn, scope: scope, allowance: allowance)
                    return .first(ChatCompletion(answer))
                }
                return .second(
                    try await turns.stream(
                        turn, as: ChatCompletionEncoder(request), scope: scope, allowance: allowance))
            }.answeringProblems(as: .modelAPI).guarded(by: entitlements.rate(.assistant))
        ]
    }

    /// Of every endpoint that asks the model.
    static let problems: [Problem.Kind] = [
        .notConfigured, .modelNotFound, .modelRefused, .modelFailed, .tokensExhausted, .assistantSessionNotFound,
        .sessionArchived, .sessionFull, .turnInProgress, .concurrencyLimit, .notFound,
    ]
}
