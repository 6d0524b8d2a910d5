import Entitlements
import Identity
import Models
import Modules

/// Sends conversations to the model. A turn is stored, and the tokens that it may take are reserved, before it is sent;
/// one transaction stores its answer and settles the tokens when it has ended, however it ends.
final class TurnService: Sendable {
    private let database: any Database
    let models: AssistantModels
    private let access: AccessService
    private let concurrency: ConcurrencyService
    let settlement: TurnSettlement
    let serverTools: ServerToolService
    private let summaries: SessionSummaryService
    private let events: SessionEvents
    let running: RunningTurns
    let settings: AssistantSettings
    private let logger: Logger
    private let runtime: Runtime

    /// A stream without a part sends something this often, which finds a client that went away; as often a turn looks
    /// whether another process was asked to stop it, and whether its caller still has access.
    private static let heartbeat = Duration.seconds(5)
    /// Rows of one transaction of a job.
    private static let batch = 100

    init(
        database: any Database, models: AssistantModels, access: AccessService, concurrency: ConcurrencyService,
        settlement: TurnSettlement, serverTools: ServerToolService, summaries: SessionSummaryService,
        events: SessionEvents, running: RunningTurns, settings: AssistantSettings, logger: Logger, runtime: Runtime
    ) {
        self.database = database
        self.models = models
        self.access = access
        self.concurrency = concurrency
        self.settlement = settlement
        self.serverTools = serverTools
        self.summaries = summaries
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
        let request = try await serverTools.offered(request, scope: scope)
        let started = try await begin(request, scope: scope, allowance: allowance)
        let id = started.turn.id
        let (answers, answer) = AsyncStream<Result<TurnAnswer, Problem>>.makeStream()
        running.start(id) { [self] in
            let heartbeat = Task { [self] in await beat(started.turn, scope) {} }
            answer.yield(await run(started, of: request, scope: scope, allowance: allowance) { _ in })
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
        let request = try await serverTools.offered(request, scope: scope)
        let started = try await begin(request, scope: scope, allowance: allowance)
        let id = started.turn.id
        let (stream, reader) = TurnStream.make(encoder, started.turn) { [running] in running.cancel(id) }
        running.start(id) { [self] in
            let heartbeat = Task { [self] in await beat(started.turn, scope) { stream.keepAlive() } }
            let result = await run(started, of: request, scope: scope, allowance: allowance) {
                await stream.send($0)
            }
            heartbeat.cancel()
            stream.end(result, requestID: scope.requestID)
        }
        try await reader.opened()
        return EventStream(reader: reader)
    }

    // MARK: Beginning

    struct StartedTurn: Sendable {
        let turn: AssistantTurn
        var request: ModelRequest
        let client: any ModelClient
        /// To store with the answer.
        let newMessages: [ModelMessage]
    }

    /// - Parameter ending: of the round before, which is written in the transaction that begins this one, so that no
    ///   other turn comes between; nil for the first one.
    func begin(
        _ request: TurnRequest, after ending: TurnEnding? = nil, scope: Scope, allowance: QuotaAllowance
    ) async throws(Problem) -> StartedTurn {
        if ending == nil { try request.check() }
        let client = try models.requireClient()
        if let name = request.model { _ = try models.name(name) }
        let id: ID<AssistantTurn> = runtime.id()
        if let ending { running.add(id, after: ending.turn.id) }
        return try await database.write { [self] transaction in
            // Work that begins while its person is removed would outlast the membership.
            try transaction.authority(of: scope, OrganisationRole.allCases)
            if let ending {
                // Another process was asked to, and this one has not looked since. Behind the lock of the session, which a
                // stop takes too.
                _ = try transaction.lockedSession(of: ending.turn)
                if try transaction.isStopRequested(ending.turn) {
                    running.stop(ending.turn.id)
                    throw Problem(.overloaded, detail: "The answer was stopped.")
                }
                guard try end(ending, in: transaction) != nil else { throw Problem(.assistantSessionNotFound) }
            }
            var history = SessionHistory()
            var active: AssistantSession?
            var model = request.model
            var newMessages = request.messages
            if let session = request.session {
                let found = try activate(session, scope: scope, in: transaction)
                active = found
                history = try transaction.history(of: found, hasSummary: settings.summaryModel != nil)
                newMessages = request.newMessages(after: history.messages.map(\.message))
                try Self.requireRoom(
                    for: newMessages, in: found, answers: request.serverTools.isEmpty ? 1 : 2)
                history.messages = try transaction.withLateResults(history.messages, in: found)
                model = model ?? found.model
            }
            let name = try models.name(model)
            let conversation = try Conversation(
                history, newMessages, tokensMax: settings.contextTokens - request.answerTokens)
            var modelRequest = Self.modelRequest(request, conversation.messages, model: name)
            let tokens = TurnTokens(request, input: TokenCount.inputMax(modelRequest))
            let reserved = try settlement.reserve(tokens, for: id, allowance, of: scope.person, in: transaction)
            // The service ends the answer where the tokens end.
            modelRequest.tokensMax = Int(tokens.answer(within: reserved.tokens))
            let turn = AssistantTurn(
                id: id, scope: scope, session: request.session, model: name, isStreamed: request.isStreamed,
                reservation: reserved.reservation, allowanceMonth: reserved.month, reservedTokens: reserved.tokens,
                at: transaction.now)
            try transaction.insert(turn)
            if let active { try summaries.request(conversation, of: active, in: transaction) }
            if let ending, let session = turn.session {
                try events.ended(
                    ending.turn, as: ending.outcome, costMicros: ending.costMicros, ending.messages, in: session,
                    next: turn, transaction)
            } else {
                try events.began(turn, in: transaction)
            }
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

    /// - Parameter answers: the messages of the answer: with tools of servers also one of their results.
    private static func requireRoom(for messages: [ModelMessage], in session: AssistantSession, answers: Int64) throws {
        let bytes = messages.reduce(session.messageBytes) { $0 + Int64(NewAssistantMessage.bytes(of: $1)) }
        let count = session.messageCount + Int64(messages.count) + answers
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
        var (tools, choice) = (request.tools, request.toolChoice)
        if tools.isEmpty {
            // Anthropic's API refuses calls of tools that the request does not have.
            let names = Set(messages.filter(\.hasServerCalls).flatMap { $0.toolCalls.map(\.name) })
            tools = names.sorted().map { ModelTool(name: $0, description: "", parameters: ["type": "object"]) }
            if !tools.isEmpty { choice = .none }
        }
        return ModelRequest(
            model: model, messages: messages, tokensMax: Int(request.answerTokens), temperature: request.temperature,
            topP: request.topP, stopSequences: request.stopSequences, tools: tools,
            toolChoice: choice, parallelToolCalls: request.parallelToolCalls, schema: request.schema,
            wantsJSON: request.wantsJSON, seed: request.seed, presencePenalty: request.presencePenalty,
            frequencyPenalty: request.frequencyPenalty, topK: request.topK, count: request.count,
            timeout: AssistantTurn.timeMax)
    }

    // MARK: The answer

    private func run(
        _ started: StartedTurn, of request: TurnRequest, scope: Scope, allowance: QuotaAllowance,
        _ use: @escaping @Sendable (ModelEvent) async -> Void
    ) async -> Result<TurnAnswer, Problem> {
        request.serverTools.isEmpty
            ? await run(started, use)
            : await runRounds(started, of: request, scope: scope, allowance: allowance, use)
    }

    /// Runs a turn to its end, and stores it.
    func run(_ started: StartedTurn, _ use: @escaping @Sendable (ModelEvent) async -> Void) async
        -> Result<TurnAnswer, Problem>
    {
        let progress = TurnProgress(count: started.request.count)
        do {
            let response = try await started.client.stream(started.request) { event in
                progress.add(event)
                await use(event)
            }
            let outcome = Self.outcome(of: response, to: started.request)
            return await stored(outcome, of: started)
        } catch {
            return await broken(
                error as? ModelError ?? ModelError(.cancelled, "The request was cancelled."), started, progress)
        }
    }

    func broken(_ error: ModelError, _ started: StartedTurn, _ progress: TurnProgress) async
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
    /// - Parameter results: of the tools of servers that the answer has called.
    func stored(_ outcome: TurnOutcome, of started: StartedTurn, followedBy results: [ModelMessage.Content] = []) async
        -> Result<TurnAnswer, Problem>
    {
        await Task { [self] () -> Result<TurnAnswer, Problem> in
            do throws(Problem) {
                let cost = try await store(
                    ending(outcome, of: started.turn, after: started.newMessages, followedBy: results))
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

    /// What the end of a turn writes.
    struct TurnEnding: Sendable {
        let outcome: TurnOutcome
        let turn: AssistantTurn
        /// In millionths of a US dollar.
        let costMicros: Int64
        let messages: [NewAssistantMessage]
        let numbers: [Int64]
    }

    func ending(
        _ outcome: TurnOutcome, of turn: AssistantTurn, after newMessages: [ModelMessage],
        followedBy results: [ModelMessage.Content] = []
    ) -> TurnEnding {
        var messages = outcome.state == .failed ? [] : newAssistantMessages(newMessages, outcome)
        if !results.isEmpty {
            let message = ModelMessage(.user, results)
            messages.append(
                NewAssistantMessage(runtime.id(), message, tokenCount: TokenCount.estimate(message)))
        }
        return TurnEnding(
            outcome: outcome, turn: turn, costMicros: models.price(of: turn.model).cost(of: outcome.usage),
            messages: messages, numbers: messages.map { _ in randomNumber() })
    }

    /// - Returns: what the turn has cost, in millionths of a US dollar.
    private func store(_ ending: TurnEnding) async throws(Problem) -> Int64 {
        settlement.noteExcess(ending.outcome.usage, of: ending.turn)
        try await database.write { [self] transaction in
            guard let session = try end(ending, in: transaction) else { return }
            try events.ended(
                ending.turn, as: ending.outcome, costMicros: ending.costMicros, ending.messages, in: session,
                transaction)
        }
        return ending.costMicros
    }

    /// - Returns: the session of the turn; nil without one, and for a turn that has ended before.
    private func end(_ ending: TurnEnding, in transaction: Transaction) throws -> ID<AssistantSession>? {
        let (turn, outcome) = (ending.turn, ending.outcome)
        // The row of the session is locked first, as where a turn begins.
        let session = try transaction.lockedSession(of: turn)
        // A turn that the job has ended meanwhile was charged in full.
        guard try transaction.end(turn, as: outcome, costMicros: ending.costMicros) else { return nil }
        try settlement.settle(outcome.usage.input + outcome.usage.output, of: turn, in: transaction)
        try transaction.addUsage(
            outcome, of: turn, costMicros: ending.costMicros, messages: session == nil ? 0 : ending.messages.count)
        guard let session else { return nil }
        try transaction.count(
            outcome, of: turn, costMicros: ending.costMicros, in: session, timeout: settings.sessionTimeout)
        if !ending.messages.isEmpty {
            try transaction.append(ending.messages, numbers: ending.numbers, to: session, by: turn)
        }
        return session
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

    static func outcome(of response: ModelResponse, to request: ModelRequest) -> TurnOutcome {
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
    private func beat(_ turn: AssistantTurn, _ scope: Scope, keepAlive: @escaping @Sendable () -> Void) async {
        while (try? await Task.sleep(for: Self.heartbeat)) != nil {
            keepAlive()
            // The work of a person who was suspended or removed ends, as that of a client that went away.
            if (try? await access.haveEnded([scope])) == [true] { running.cancel(turn.id) }
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
                _ = try await store(ending(outcome, of: turn, after: []))
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
