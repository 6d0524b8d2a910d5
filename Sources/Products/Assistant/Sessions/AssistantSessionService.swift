import Audit
import Entitlements
import Identity
import Models
import Modules

/// Creates, reads, changes and deletes sessions. A session and its messages are for its person alone.
final class AssistantSessionService: Sendable {
    private let database: any Database
    private let models: AssistantModels
    private let concurrency: ConcurrencyService
    private let running: RunningTurns
    private let audit: AuditService
    private let events: SessionEvents
    private let settings: AssistantSettings
    private let runtime: Runtime

    init(
        database: any Database, models: AssistantModels, concurrency: ConcurrencyService, running: RunningTurns,
        audit: AuditService, events: SessionEvents, settings: AssistantSettings, runtime: Runtime
    ) {
        self.database = database
        self.models = models
        self.concurrency = concurrency
        self.running = running
        self.audit = audit
        self.events = events
        self.settings = settings
        self.runtime = runtime
    }

    /// - Throws: `validation-failed`; `assistant-model-not-found`, `not-configured`; `assistant-project-not-found`;
    ///   `assistant-limit`; `concurrency-limit` where another request took the slot; `not-found` where the person is no
    ///   longer a member.
    func create(_ request: CreateAssistantSession, scope: Scope, slot: ConcurrencySlot) async throws(Problem)
        -> AssistantSessionView
    {
        let model = try models.name(request.model)
        let metadata = try AssistantMetadata.text(request.metadata ?? [:])
        let id: ID<AssistantSession> = runtime.id()
        return try await database.write { [self] transaction in
            // A session that begins while its person is removed would outlast the membership.
            try transaction.authority(of: scope, OrganisationRole.allCases)
            if let project = request.projectId {
                _ = try transaction.assistantProject(project, in: scope, isLocked: true)
            }
            guard
                try transaction.countAssistantSessions(in: scope, of: nil, status: nil) < AssistantSession.countMax
            else { throw Problem(.assistantLimit, detail: "There are at most \(AssistantSession.countMax) sessions.") }
            try concurrency.take(slot, in: transaction)
            let time = "\(transaction.now)".prefix(16).replacing("T", with: " ")
            try transaction.insertAssistantSession(
                id, of: request.projectId, name: request.name ?? "Session \(time)", model: model, metadata: metadata,
                timeout: settings.sessionTimeout, for: scope)
            var usage = AssistantUsage()
            usage.sessions = 1
            try transaction.add(usage, of: scope.organisation, project: request.projectId, model: model)
            return try AssistantSessionView(try transaction.assistantSession(id, in: scope))
        }
    }

    func list(scope: Scope, project: ID<AssistantProject>?, status: String?, limit: Int, offset: Int)
        async throws(Problem)
        -> AssistantSessionList
    {
        let status = status.flatMap(AssistantSession.Status.init)
        return try await database.read { transaction in
            AssistantSessionList(
                sessions: try transaction.assistantSessions(
                    in: scope, of: project, status: status, limit: limit, offset: offset
                ).map { try AssistantSessionView($0) },
                total: try transaction.countAssistantSessions(in: scope, of: project, status: status), limit: limit,
                offset: offset)
        }
    }

    /// - Throws: `assistant-session-not-found`, as the other methods.
    func view(_ id: ID<AssistantSession>, scope: Scope) async throws(Problem) -> AssistantSessionView {
        try await database.read { try AssistantSessionView(try $0.assistantSession(id, in: scope)) }
    }

    func statistics(of id: ID<AssistantSession>, scope: Scope) async throws(Problem) -> AssistantSessionStatistics {
        try await database.read { try AssistantSessionStatistics(try $0.assistantSession(id, in: scope)) }
    }

    func statistics(scope: Scope) async throws(Problem) -> AssistantStatistics {
        try await database.read { try $0.assistantStatistics(of: scope) }
    }

    func messages(of id: ID<AssistantSession>, scope: Scope, role: String?, limit: Int, offset: Int)
        async throws(Problem) -> AssistantMessageList
    {
        let role = role.flatMap(ModelMessage.Role.init)
        return try await database.read { transaction in
            let session = try transaction.assistantSession(id, in: scope)
            return AssistantMessageList(
                messages: try transaction.messages(of: session, role: role, limit: limit, offset: offset)
                    .map { AssistantMessageView($0, of: id) },
                total: try transaction.countMessages(of: session, role: role), limit: limit, offset: offset,
                sessionId: id)
        }
    }

    /// Searches the messages of the person in the organisation.
    /// - Parameter text: of whose words a message has all, in whatever case.
    /// - Throws: `validation-failed` for a text without a word, or with too many.
    func search(_ text: String, scope: Scope, limit: Int, offset: Int) async throws(Problem) -> AssistantSearchResults {
        let words = text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
        guard (1...AssistantSearchResults.wordsMax).contains(words.count) else {
            throw Problem.invalid("/query/q", "must have 1 to \(AssistantSearchResults.wordsMax) words")
        }
        return try await database.read { transaction in
            AssistantSearchResults(
                results: try transaction.messages(with: words, in: scope, limit: limit, offset: offset),
                total: try transaction.countMessages(with: words, in: scope), limit: limit, offset: offset)
        }
    }

    /// Whether an answer is under way.
    func answerStatus(of id: ID<AssistantSession>, scope: Scope) async throws(Problem) -> AssistantAnswerStatus {
        let session = try await database.read { try $0.assistantSession(id, in: scope) }
        return AssistantAnswerStatus(
            sessionId: id, status: session.status, isRunning: session.status == .streaming, model: session.model,
            messageCount: session.messageCount, updatedAt: session.updatedAt)
    }

    func export(_ id: ID<AssistantSession>, scope: Scope) async throws(Problem) -> AssistantSessionExport {
        try await database.read { transaction in
            let session = try transaction.assistantSession(id, in: scope)
            return AssistantSessionExport(
                session: try AssistantSessionView(session),
                messages: try transaction.messages(
                    of: session, limit: Int(AssistantSession.messagesMax), offset: 0
                ).map { AssistantMessageView($0, of: id) })
        }
    }

    /// - Throws: `validation-failed`; `concurrency-limit` where a session is to be active again.
    func change(_ id: ID<AssistantSession>, _ request: ChangeAssistantSession, scope: Scope) async throws(Problem)
        -> AssistantSessionView
    {
        let metadata = try request.metadata.map { metadata throws(Problem) in try AssistantMetadata.text(metadata) }
        return try await database.write { [self] transaction in
            var session = try transaction.assistantSession(id, in: scope, isLocked: true)
            session.name = request.name ?? session.name
            session.metadata = metadata ?? session.metadata
            switch request.status {
            case "active":
                try concurrency.takeSlot(of: session, at: transaction.now, in: transaction)
                session.archivedAt = nil
                session.activeUntil = transaction.now + settings.sessionTimeout
            case "idle":
                session.archivedAt = nil
                session.activeUntil = transaction.now
            case "archived": session.archivedAt = session.archivedAt ?? transaction.now
            default: break
            }
            try transaction.update(session)
            let changed = try transaction.assistantSession(id, in: scope)
            if request.status != nil { try events.changed(changed, to: changed.status, in: transaction) }
            return try AssistantSessionView(changed)
        }
    }

    /// Frees the place of a session among the active ones.
    func archive(_ id: ID<AssistantSession>, scope: Scope) async throws(Problem) -> AssistantSessionChanged {
        let view = try await change(id, ChangeAssistantSession(status: "archived"), scope: scope)
        return AssistantSessionChanged(message: "Session archived", sessionId: id, status: view.status)
    }

    /// Stops the answer that is under way: what has arrived is stored and charged. In another process it stops within
    /// some seconds.
    func stop(_ id: ID<AssistantSession>, scope: Scope) async throws(Problem) -> AssistantSessionChanged {
        let (session, turns) = try await database.write { transaction in
            // Locked, so that a next round of the answer begins before or finds the request.
            let session = try transaction.assistantSession(id, in: scope, isLocked: true)
            try transaction.requestStop(of: session)
            return (session, try transaction.runningTurns(of: session))
        }
        for turn in turns { running.stop(turn) }
        return AssistantSessionChanged(
            message: turns.isEmpty ? "Nothing was under way" : "The answer is stopped", sessionId: id,
            status: session.status)
    }

    /// Deletes the messages of a session, and its calls of tools with the questions about them.
    /// - Throws: `turn-in-progress`, also while a call of a tool runs.
    func clear(_ id: ID<AssistantSession>, scope: Scope) async throws(Problem) -> AssistantSessionChanged {
        let session = try await database.write { transaction in
            let session = try transaction.assistantSession(id, in: scope, isLocked: true)
            guard try transaction.runningTurns(of: session).isEmpty else { throw Problem(.turnInProgress) }
            guard try transaction.countToolExecutions(of: session, kind: nil, status: .running) == 0 else {
                throw Problem(.turnInProgress, detail: "A call of a tool of this session runs.")
            }
            try transaction.clear(session)
            return session
        }
        return AssistantSessionChanged(message: "Session cleared", sessionId: id, status: session.status)
    }

    /// Deletes a session with its messages, and stops its answer.
    func delete(_ id: ID<AssistantSession>, scope: Scope) async throws(Problem) -> NoContent {
        let turns = try await database.write { [audit, events] transaction in
            let session = try transaction.assistantSession(id, in: scope, isLocked: true)
            let turns = try transaction.runningTurns(of: session)
            try transaction.requestStop(of: session)
            try transaction.delete(session)
            try audit.record(
                AuditEvent("assistant-session.deleted", by: scope, subject: id.text), in: transaction)
            try events.deleted(session, in: transaction)
            return turns
        }
        for turn in turns { running.stop(turn) }
        return NoContent()
    }
}
