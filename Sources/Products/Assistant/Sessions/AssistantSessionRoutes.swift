import Entitlements
import Identity
import Modules

/// The endpoints of sessions.
struct AssistantSessionRoutes: Sendable {
    let sessions: AssistantSessionService
    let member: Member
    let entitlements: EntitlementsModule

    var routes: [Route] { (reading + changes + answers).map { $0.guarded(by: entitlements.rate(.assistant)) } }

    private var access: Member { member.allowing(.assistant) }

    private var reading: [Route] {
        [
            .get(
                "sessions", "List one's sessions, the last changed first", requires: access,
                QueryID<AssistantProject>(name: "project_id"),
                .query("status", oneOf: AssistantSession.Status.allCases.map(\.rawValue)),
                .query("limit", 1...1_000, default: 100), .query("offset", 0...1_000_000, default: 0)
            ) { [sessions] scope, project, status, limit, offset in
                try await sessions.list(scope: scope, project: project, status: status, limit: limit, offset: offset)
            },
            .get("sessions/stats", "Count one's sessions, messages and tokens", requires: access) { [sessions] in
                try await sessions.statistics(scope: $0)
            },
            .get(
                "sessions/search", "Search one's messages for words", requires: access, .query("q", required: 200),
                .query("limit", 1...200, default: 50), .query("offset", 0...10_000, default: 0)
            ) { [sessions] in try await sessions.search($1, scope: $0, limit: $2, offset: $3) }
            .asTool("search_messages"),
            .get(
                "sessions/{session_id}", "Get a session", requires: access, id, problems: Self.problems
            ) { [sessions] in try await sessions.view($1, scope: $0) },
            .get(
                "sessions/{session_id}/stats", "Get the numbers of a session", requires: access, id,
                problems: Self.problems
            ) { [sessions] in try await sessions.statistics(of: $1, scope: $0) },
            .get(
                "sessions/{session_id}/messages", "List the messages of a session, in their order", requires: access,
                id, .query("role", oneOf: ["user", "assistant", "system"]), .query("limit", 1...1_000, default: 100),
                .query("offset", 0...1_000_000, default: 0), problems: Self.problems
            ) { [sessions] scope, id, role, limit, offset in
                try await sessions.messages(of: id, scope: scope, role: role, limit: limit, offset: offset)
            },
            .get(
                "sessions/{session_id}/export", "Export a session with its messages as JSON or Markdown",
                requires: access, id, .query("format", oneOf: ["json", "markdown"]), problems: Self.problems
            ) { [sessions] scope, id, format in
                let export = try await sessions.export(id, scope: scope)
                return format == "markdown"
                    ? Either<MarkdownFile, Attachment<AssistantSessionExport>>.first(MarkdownFile(export))
                    : .second(Attachment(export, name: "session-\(id).json"))
            },
        ]
    }

    private var changes: [Route] {
        [
            .post(
                "sessions", "Create a session", requires: access,
                entitlements.concurrency(.chatSessions, needsSubscription: false),
                problems: [.modelNotFound, .notConfigured, .notFound, .assistantProjectNotFound, .assistantLimit]
            ) { [sessions] (request: CreateAssistantSession, scope, slot) in
                Created(try await sessions.create(request, scope: scope, slot: slot))
            },
            .patch(
                "sessions/{session_id}", "Change the name, the status or the metadata of a session", requires: access,
                id, problems: Self.problems + [.concurrencyLimit]
            ) { [sessions] (request: ChangeAssistantSession, scope, id) in
                try await sessions.change(id, request, scope: scope)
            },
            .post(
                "sessions/{session_id}/stop", "Stop the answer that is under way", requires: access, id,
                problems: Self.problems
            ) { [sessions] in try await sessions.stop($1, scope: $0) },
            .post(
                "sessions/{session_id}/clear", "Delete the messages of a session", requires: access, id,
                problems: Self.problems + [.turnInProgress]
            ) { [sessions] in try await sessions.clear($1, scope: $0) },
            .post(
                "sessions/{session_id}/archive", "Archive a session, which is then not active", requires: access, id,
                problems: Self.problems
            ) { [sessions] in try await sessions.archive($1, scope: $0) },
            .delete(
                "sessions/{session_id}", "Delete a session with its messages", requires: access, id,
                problems: Self.problems
            ) { [sessions] in try await sessions.delete($1, scope: $0) },
        ]
    }

    /// The answer of a session, under the path that it is asked for at.
    private var answers: [Route] {
        let routes: [Route] = [
            .get(
                "chat/completions/{session_id}/status", "Get whether an answer of a session is under way",
                requires: access, id, problems: Self.problems
            ) { [sessions] in try await sessions.answerStatus(of: $1, scope: $0) },
            .delete(
                "chat/completions/{session_id}", "Stop the answer of a session, as its stop does", requires: access,
                id, problems: Self.problems
            ) { [sessions] in try await sessions.stop($1, scope: $0) },
        ]
        return routes.map { $0.answeringProblems(as: .modelAPI) }
    }

    private var id: PathID<AssistantSession> { .path("session_id", of: AssistantSession.self) }

    private static let problems: [Problem.Kind] = [.assistantSessionNotFound]
}
