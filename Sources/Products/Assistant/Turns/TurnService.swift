import Entitlements
import Identity
import Models
import Modules

/// Sends conversations to the model. A turn is stored, and the tokens that it may take are reserved, before it is sent;
/// one transaction stores its answer and settles the tokens when it has ended, however it ends.
final class TurnService: Sendable {
    private let database: any Database
    private let models: AssistantModels
    private let concurrency: ConcurrencyService
    private let settlement: TurnSettlement
    private let events: SessionEvents
    private let running: RunningTurns
    private let settings: AssistantSettings
    private let logger: Logger
    private let runtime: Runtime

    /// A stream without a part sends something this often, which finds a client that went away; as often a turn looks
    /// whether another process was asked to stop it.
    private static let heartbeat = Duration.seconds(5)
    /// Rows of one transaction of a job.
    private static let batch = 100

    init(
        database: any Database, models: AssistantModels, concurrency: ConcurrencyService, settlement: TurnSettlement,
        events: SessionEvents, running: RunningTurns, settings: AssistantSettings, logger: Logger, runtime: Runtime
    ) {
        self.database = database
        self.models = models
        self.concurrency = concurrency
        self.settlement = settlement
        self.events = events
        self.running = running
        self.settings = settings
        self.logger = logger
        self.runtime = runtime
    }

    /// - Returns: the whole answer, after it was stored.
    /// - Throws: `validation-failed`; `assistant-model-not-found`, `not-configured`; `assistant-session-not-found`,
    ///   `session-archived`, `turn-in-progress`, `session-full`, `concurrency-limit`; `quota-exceeded`,
    ///   `tokens-exhausted`; `model-refused`, `model-failed`.
    func complete(_ request: TurnRequest, scope: Scope, allowance: QuotaAllowance) async throws(Problem) -> TurnAnswer {
        let started = try await begin(request, scope: scope, allowance: allowance)
        let id = started.turn.id
        let (answers, answer) = AsyncStream<Result<TurnAnswer, Problem>>.makeStream()
        running.start(id) { [self] in
            let heartbeat = Task { [self] in await beat(started.turn) {} }
            answer.yield(await run(started) { _ in })
            heartbeat.cancel()
            answer.finish()
        }
        let result = await withTaskCancellationHandler {
            await answers.first { _ in true }
        } onCancel: { [running] in
            running.cancel(id)
        }
        guard let result else { throw Problem(.overloaded, detail: "The request was cancelled.") }
        return try result.get()
    }

    /// - Parameter encoder: makes the events of the stream.
    /// - Returns: the stream, once the first part of the answer has arrived. It ends when the answer is stored. The
    ///   model is stopped where the stream is not read any more.
    /// - Throws: as ``complete(_:scope:allowance:)``, before the first part.
    func stream(
        _ request: TurnRequest, as encoder: some TurnEncoder, scope: Scope, allowance: QuotaAllowance
    ) async throws(Problem) -> EventStream {
        let started = try await begin(request, scope: scope, allowance: allowance)
        let id = started.turn.id
        let (stream, reader) = TurnStream.make(encoder, started.turn) { [running] in running.cancel(id) }
        running.start(id) { [self] in
            let heartbeat = Task { [self] in await beat(started.turn) { stream.keepAlive() } }
            let result = await run(started) { stream.send($0) }
            heartbeat.cancel()
            stream.end(result, requestID: scope.requestID)
        }
        try await reader.opened()
        return EventStream(chunks: reader.chunks)
    }

    // MARK: Beginning

    private struct StartedTurn: Sendable {
        let turn: AssistantTurn
        let request: ModelRequest
        let client: any ModelClient
        /// To store with the answer.
        let newMessages: [ModelMessage]
    }

    private func begin(_ request: TurnRequest, scope: Scope, allowance: QuotaAllowance) async throws(Problem)
        -> StartedTurn
    {
        try request.check()
        let client = try models.requireClient()
        if let name = request.model { _ = try models.name(name) }
        let id: ID<AssistantTurn> = runtime.id()
        return try await database.write { [self] transaction in
            // Work that begins while its person is removed would outlast the membership.
            try transaction.authority(of: scope, OrganisationRole.allCases)
            var stored: [ModelMessage] = []
            var model = request.model
            var newMessages = request.messages
            if let session = request.session {
                let found = try activate(session, scope: scope, in: transaction)
                stored = try transaction.messages(of: found, limit: Int(AssistantSession.messagesMax), offset: 0)
                    .map(\.modelMessage)
                newMessages = request.newMessages(after: stored)
                try Self.requireRoom(for: newMessages, in: found)
                model = model ?? found.model
            }
            let name = try models.name(model)
            let conversation = try Conversation(
                stored, newMessages, tokensMax: settings.contextTokens - request.answerTokens)
            let modelRequest = Self.modelRequest(request, conversation.messages, model: name)
            let tokens = Int64(request.count) * (TokenCount.inputMax(modelRequest) + request.answerTokens)
            let (reservation, month) = try settlement.reserve(
                tokens, for: id, allowance, of: scope.person, in: transaction)
            let turn = AssistantTurn(
                id: id, scope: scope, session: request.session, model: name, isStreamed: request.isStreamed,
                reservation: reservation, allowanceMonth: month, reservedTokens: tokens, at: transaction.now)
            try transaction.insert(turn)
            try events.began(turn, in: transaction)
            return StartedTurn(
                turn: turn, request: modelRequest, client: client, newMessages: newMessages)
        }
    }

    /// Makes a session active, which may be idle: it then takes a place among the active ones.
    private func activate(_ id: ID<AssistantSession>, scope: Scope, in transaction: Transaction) throws
        -> AssistantSession
    {
        var session = try transaction.assistantSession(id, in: scope, isLocked: true)
        guard session.archivedAt == nil else {
            throw Problem(.sessionArchived, detail: "Make it active first: PATCH with {\"status\": \"active\"}.")
        }
        // Behind the lock: a turn that began before it is seen.
        guard try transaction.runningTurns(of: session).isEmpty else { throw Problem(.turnInProgress) }
        try concurrency.takeSlot(of: session, at: transaction.now, in: transaction)
        session.activeUntil = transaction.now + settings.sessionTimeout
        try transaction.update(session)
        return session
    }

    private static func requireRoom(for messages: [ModelMessage], in session: AssistantSession) throws {
        let bytes = messages.reduce(session.messageBytes) { $0 + Int64(NewAssistantMessage.bytes(of: $1)) }
        // With the answer.
        let count = session.messageCount + Int64(messages.count) + 1
        guard count <= AssistantSession.messagesMax, bytes <= AssistantSession.bytesMax else {
            throw Problem(.sessionFull, detail: "Clear the session, or continue in another one.")
        }
    }

    private static func modelRequest(_ request: TurnRequest, _ conversation: [ModelMessage], model: String)
        -> ModelRequest
    {
        var messages = conversation
        // Anthropic's API expects the user to begin.
        if let first = messages.firstIndex(where: { $0.role != .system }), messages[first].role == .assistant {
            messages.insert(ModelMessage(.user, "Continue the conversation."), at: first)
        }
        return ModelRequest(
            model: model, messages: messages, tokensMax: Int(request.answerTokens), temperature: request.temperature,
            topP: request.topP, stopSequences: request.stopSequences, tools: request.tools,
            toolChoice: request.toolChoice, parallelToolCalls: request.parallelToolCalls, schema: request.schema,
            wantsJSON: request.wantsJSON, seed: request.seed, presencePenalty: request.presencePenalty,
            frequencyPenalty: request.frequencyPenalty, topK: request.topK, count: request.count,
            timeout: AssistantTurn.timeMax)
    }

    // MARK: The answer

    /// Runs a turn to its end, and stores it.
    private func run(_ started: StartedTurn, _ use: @escaping @Sendable (ModelEvent) -> Void) async
        -> Result<TurnAnswer, Problem>
    {
        let progress = TurnProgress(count: started.request.count)
        do {
            let response = try await started.client.stream(started.request) { event in
                progress.add(event)
                use(event)
            }
            let outcome = Self.outcome(of: response, to: started.request)
            return await stored(outcome, of: started)
        } catch {
            return await broken(
                error as? ModelError ?? ModelError(.cancelled, "The request was cancelled."), started, progress)
        }
    }

    private func broken(_ error: ModelError, _ started: StartedTurn, _ progress: TurnProgress) async
        -> Result<TurnAnswer, Problem>
    {
        let isStopped = running.isStopped(started.turn.id)
        let problem = Self.problem(of: error)
        // Where nothing arrived the service charges nothing, unless it was still working.
        guard error.kind == .cancelled || !progress.isEmpty else {
            let outcome = TurnOutcome(
                state: .failed, usage: ModelUsage(input: 0, output: 0), isEstimated: false, choices: [],
                error: problem.kind.code)
            return await stored(outcome, of: started).flatMap { _ in .failure(problem) }
        }
        let usage = ModelUsage(
            input: error.usage?.input ?? TokenCount.estimate(started.request.messages),
            output: max(error.usage?.output ?? 0, progress.tokens))
        var outcome = TurnOutcome(state: .interrupted, usage: usage, isEstimated: true, choices: progress.stopped)
        if !isStopped, error.kind != .cancelled { outcome.error = problem.kind.code }
        let result = await stored(outcome, of: started)
        return isStopped ? result : result.flatMap { _ in .failure(problem) }
    }

    /// Stores the end of a turn, also where its task is cancelled.
    private func stored(_ outcome: TurnOutcome, of started: StartedTurn) async -> Result<TurnAnswer, Problem> {
        await Task { [self] () -> Result<TurnAnswer, Problem> in
            do throws(Problem) {
                let cost = try await store(outcome, of: started.turn, after: started.newMessages)
                return .success(
                    TurnAnswer(turn: started.turn, choices: outcome.choices, usage: outcome.usage, costMicros: cost))
            } catch {
                logger.error(
                    "an answer of a model could not be stored",
                    metadata: ["turn": "\(started.turn.id)", "cause": "\(error)"])
                return .failure(error)
            }
        }.value
    }

    /// - Returns: what the turn has cost, in millionths of a US dollar.
    private func store(_ outcome: TurnOutcome, of turn: AssistantTurn, after newMessages: [ModelMessage])
        async throws(Problem) -> Int64
    {
        let cost = models.price(of: turn.model).cost(of: outcome.usage)
        let messages = newAssistantMessages(newMessages, outcome)
        let numbers = messages.map { _ in randomNumber() }
        try await database.write { [self] transaction in
            // The row of the session is locked first, as where a turn begins.
            let session = try transaction.lockedSession(of: turn)
            // A turn that the job has ended meanwhile was charged in full.
            guard try transaction.end(turn, as: outcome, costMicros: cost) else { return }
            try settlement.settle(outcome.usage.input + outcome.usage.output, of: turn, in: transaction)
            try transaction.addUsage(
                outcome, of: turn, costMicros: cost,
                messages: session == nil || outcome.state == .failed ? 0 : messages.count)
            guard let session else { return }
            try transaction.count(
                outcome, of: turn, costMicros: cost, in: session, timeout: settings.sessionTimeout)
            let added = outcome.state == .failed ? [] : messages
            if !added.isEmpty { try transaction.append(added, numbers: numbers, to: session, by: turn) }
            try events.ended(turn, as: outcome, costMicros: cost, added, in: session, transaction)
        }
        return cost
    }

    private func newAssistantMessages(_ new: [ModelMessage], _ outcome: TurnOutcome) -> [NewAssistantMessage] {
        let own = new.map { message in
            NewAssistantMessage(runtime.id(), message, tokenCount: TokenCount.estimate(message))
        }
        let choice = outcome.choices.first
        let text = (choice?.text ?? "").replacingNUL
        let answer = ModelMessage(answer: text, choice?.toolCalls ?? [])
        guard answer.content != [.text("")] || outcome.state == .completed else { return own }
        return own + [
            NewAssistantMessage(
                runtime.id(), answer, tokenCount: outcome.usage.output, isInterrupted: outcome.state == .interrupted)
        ]
    }

    /// Of 62 bits: a number of a message, which the index of texts refers to.
    private func randomNumber() -> Int64 {
        runtime.randomBytes(8).reduce(0 as Int64) { ($0 << 8) | Int64($1) } & (1 << 62 - 1)
    }

    private static func outcome(of response: ModelResponse, to request: ModelRequest) -> TurnOutcome {
        let estimate = ModelUsage(
            input: TokenCount.estimate(request.messages),
            output: TokenCount.estimate(response.choices.map { ModelMessage(answer: $0.text, $0.toolCalls) }))
        return TurnOutcome(
            state: .completed, usage: response.usage ?? estimate, isEstimated: response.usage == nil,
            choices: response.choices)
    }

    private static func problem(of error: ModelError) -> Problem {
        switch error.kind {
        case .refused: return Problem(.modelRefused, detail: error.message, cause: error)
        case .cancelled: return Problem(.overloaded, detail: "The answer was cancelled.", cause: error)
        case .rateLimited, .overloaded, .unauthorized, .malformed, .unreachable, .timedOut, .interrupted:
            let wait = error.retryAfter.map { max(1, Int($0.inSeconds.rounded(.up))) }
            return Problem(.modelFailed, headers: wait.map { ["Retry-After": "\($0)"] } ?? [:], cause: error)
        }
    }

    /// Runs until its task is cancelled.
    private func beat(_ turn: AssistantTurn, keepAlive: @escaping @Sendable () -> Void) async {
        while (try? await Task.sleep(for: Self.heartbeat)) != nil {
            keepAlive()
            // Without a session there is nothing that a person could stop.
            guard turn.session != nil else { continue }
            if (try? await database.read({ try $0.isStopRequested(turn) })) == true { running.stop(turn.id) }
        }
    }

    // MARK: For jobs

    /// Ends turns whose process was killed: what they had reserved is charged, because their answers may have cost as
    /// much. Deletes old turns without a session.
    func maintain(_ context: JobContext) async throws {
        while true {
            try context.checkCancellation()
            let overdue = try await database.read { try $0.overdueTurns(limit: Self.batch) }
            for turn in overdue {
                // Which of them were of the answer is not known.
                let outcome = TurnOutcome(
                    state: .interrupted, usage: ModelUsage(input: turn.reservedTokens, output: 0), isEstimated: true,
                    choices: [], error: Problem.Kind.internalError.code)
                _ = try await store(outcome, of: turn, after: [])
            }
            if overdue.count < Self.batch { break }
        }
        while try await database.write({ try $0.deleteOldTurns(limit: Self.batch) }) == Self.batch {
            try context.checkCancellation()
        }
    }
}

extension ConcurrencyService {
    /// Takes a place among the active sessions for one that is not active.
    func takeSlot(of session: AssistantSession, at now: Instant, in transaction: Transaction) throws {
        guard !session.isActive(at: now) else { return }
        try take(
            slot(of: .chatSessions, for: session.person, of: session.organisation, in: transaction), in: transaction)
    }
}
