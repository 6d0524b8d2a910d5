import Entitlements
import Identity
import Models
import Modules

/// Answers whose model calls tools of servers by itself. Each round is a turn: its tokens are reserved before it is sent
/// and settled with its end, and what came of it is stored before the next one begins.
extension TurnService {
    /// - Parameter first: the turn of the first round.
    /// - Returns: the rounds as one answer. A problem ends it; the rounds before it stay stored.
    func runRounds(
        _ first: StartedTurn, of request: TurnRequest, scope: Scope, allowance: QuotaAllowance,
        _ use: @escaping @Sendable (ModelEvent) async -> Void
    ) async -> Result<TurnAnswer, Problem> {
        guard let session = first.turn.session else { return await run(first, use) }
        let names = Set(request.serverTools.keys)
        let deadline = ContinuousClock.now + AssistantTurn.timeMax
        var rounds = AnswerRounds(first.turn, hiding: names)
        var started = first
        // Half of the context, of four bytes a token.
        var resultBytes = settings.contextTokens * 2
        for round in 1... {
            let progress = TurnProgress(count: 1)
            let events = ClientEvents(hiding: names, followsText: rounds.hasText, use)
            var outcome: TurnOutcome
            do {
                let response = try await started.client.stream(started.request) { event in
                    progress.add(event)
                    await events.send(event)
                }
                outcome = Self.outcome(of: response, to: started.request)
            } catch {
                let error = error as? ModelError ?? ModelError(.cancelled, "The request was cancelled.")
                return rounds.ended(await broken(error, started, progress))
            }
            guard var choice = outcome.choices.first else { return rounds.ended(await stored(outcome, of: started)) }
            let ownCalls = choice.toolCalls.filter { !names.contains($0.name) }
            // The last round asks for an answer without calls: one of it is not made.
            let calls = round < ServerToolService.roundsMax ? serverTools.calls(choice, request.serverTools) : []
            choice.toolCalls = calls.map(\.call) + ownCalls
            outcome.choices = [choice]
            guard !calls.isEmpty else { return rounds.ended(await stored(outcome, of: started)) }

            let made = await serverTools.make(calls, in: session, scope: scope, until: deadline)
            let results = ServerToolService.results(
                calls, made, takesImages: models.takesResultImages(started.turn.model), within: &resultBytes)
            let pending = zip(calls, made).compactMap { call, outcome in
                if case .pending = outcome { AssistantToolApproval(call) } else { nil }
            }
            if Task.isCancelled {
                outcome.state = .interrupted
                let result = rounds.ended(await stored(outcome, of: started, followedBy: results))
                return running.isStopped(started.turn.id)
                    ? result
                    : result.flatMap { _ in .failure(Problem(.overloaded, detail: "The answer was cancelled.")) }
            }
            let isOver = deadline - .now < Self.roundTimeMin
            if !pending.isEmpty || !ownCalls.isEmpty || isOver {
                let notice = Self.notice(of: pending, isOver: isOver && ownCalls.isEmpty)
                if !notice.isEmpty {
                    let gap = choice.text.isEmpty ? "" : AnswerRounds.separator
                    await events.send(ModelEvent(choice: 0, .text(gap + notice)))
                    choice.text += gap + notice
                }
                choice.finish = !ownCalls.isEmpty ? .toolCalls : pending.isEmpty ? .tokensMax : .ended
                outcome.choices = [choice]
                return rounds.ended(await stored(outcome, of: started, followedBy: results), approvals: pending)
            }

            let ending = ending(outcome, of: started.turn, after: started.newMessages, followedBy: results)
            do throws(Problem) {
                let next = request.continued(isLast: round + 1 == ServerToolService.roundsMax)
                started = try await begin(next, after: ending, scope: scope, allowance: allowance)
                settlement.noteExcess(outcome.usage, of: ending.turn)
                started.request.timeout = deadline - .now
                rounds.add(outcome, costMicros: ending.costMicros)
            } catch {
                // The round has ended, whatever keeps the next one from beginning.
                let isStopped = running.isStopped(started.turn.id)
                if isStopped { outcome.state = .interrupted }
                let result = rounds.ended(await stored(outcome, of: started, followedBy: results))
                return isStopped ? result : result.flatMap { _ in .failure(error) }
            }
        }
        preconditionFailure("the last round ends the answer")
    }

    /// A round that has less time than this does not begin.
    private static let roundTimeMin = Duration.seconds(1)

    private static func notice(of pending: [AssistantToolApproval], isOver: Bool) -> String {
        guard !pending.isEmpty else {
            return isOver ? "[The time of the answer was over before the results of the tools were read.]" : ""
        }
        let calls = pending.map { call in
            "[The call of '\(call.tool)' on the server '\(call.server)' waits for your consent: "
                + "\(call.executionId.approvalPath)]"
        }
        return calls.joined(separator: "\n")
    }
}

extension TurnRequest {
    /// The request of a later round: the stored messages have everything.
    /// - Parameter isLast: whether the model has to answer without a call.
    fileprivate func continued(isLast: Bool) -> TurnRequest {
        var next = self
        next.messages = []
        // A choice that requires a call would do so in every round.
        next.toolChoice = isLast ? .none : toolChoice == .none ? .none : .auto
        return next
    }
}
