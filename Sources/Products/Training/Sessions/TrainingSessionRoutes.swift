import Identity
import Modules

/// The endpoints of training sessions and their settings.
struct TrainingSessionRoutes: Sendable {
    let sessions: TrainingSessionService
    let member: Member

    var routes: [Route] {
        [
            .post(
                "training/init-session", "Create a session, or change its settings",
                requires: member.allowing(.training)
            ) {
                (request: InitSession, scope) in
                try await sessions.open(request, scope: scope)
            },
            .post(
                "training/create-database-session", "Create a session with a name",
                requires: member.allowing(.training)
            ) {
                (request: CreateSession, scope) in
                try await sessions.create(request, scope: scope)
            },
            .get(
                "training/get-session-uuid/{session}", "Get the id of a session",
                requires: member.allowing(.training), .path("session"),
                problems: [.sessionNotFound]
            ) {
                try await sessions.identity(scope: $0, session: $1)
            },
            .get(
                "training/list-sessions", "List sessions, most recently changed first",
                requires: member.allowing(.training),
                .query("limit", 1...500, default: 50)
            ) {
                try await sessions.list(scope: $0, limit: $1)
            }.asTool("list_training_sessions"),
            .get(
                "training/session/{session}", "Get a session", requires: member.allowing(.training),
                .path("session"), problems: [.sessionNotFound]
            ) {
                try await sessions.view(scope: $0, session: $1)
            },
            .get(
                "training/session/{session}/database", "Get a session with its settings and files",
                requires: member.allowing(.training), .path("session"),
                problems: [.sessionNotFound]
            ) {
                try await sessions.whole(scope: $0, session: $1)
            },
            .get(
                "training/session-status/{session}", "Get the phase of a session",
                requires: member.allowing(.training), .path("session"),
                problems: [.sessionNotFound]
            ) {
                try await sessions.view(scope: $0, session: $1)
            },
            .post(
                "training/session/{session}/delete",
                "Delete a session with its files and models",
                requires: member.allowing(.training), .path("session"),
                problems: [.sessionNotFound, .trainingInProgress]
            ) { try await sessions.delete(scope: $0, session: $1) },
            .post(
                "training/delete-all-sessions", "Delete all sessions without an unfinished run",
                requires: member.allowing(.training).inPerson,
                problems: [.confirmationRequired]
            ) {
                (request: DeleteAllSessions, scope) in try await sessions.deleteAll(request, scope: scope)
            },
            .post(
                "training/session-name-change", "Rename a session", requires: member.allowing(.training),
                problems: [.sessionNotFound]
            ) {
                (request: RenameSession, scope) in try await sessions.rename(request, scope: scope)
            },
            .post(
                "training/finalize-session", "Mark the files of a session as complete",
                requires: member.allowing(.training), problems: [.sessionNotFound]
            ) {
                (request: NamedSession, scope) in try await sessions.finalize(request, scope: scope)
            },
            .post(
                "training/save-time-info", "Set the time features of a session", requires: member.allowing(.training),
                problems: [.sessionNotFound]
            ) {
                (request: SaveTimeInfo, scope) in try await sessions.save(request, scope: scope)
            },
            .post(
                "training/save-zeitschritte", "Set the steps of a session", requires: member.allowing(.training),
                problems: [.sessionNotFound]
            ) {
                (request: SaveSteps, scope) in try await sessions.save(request, scope: scope)
            },
            .get(
                "training/get-time-info/{session}", "Get the time features of a session",
                requires: member.allowing(.training),
                .path("session"),
                problems: [.sessionNotFound]
            ) {
                try await sessions.timeInfo(scope: $0, session: $1)
            },
            .get(
                "training/get-zeitschritte/{session}", "Get the steps of a session",
                requires: member.allowing(.training),
                .path("session"),
                problems: [.sessionNotFound, .resultsNotFound]
            ) {
                try await sessions.steps(scope: $0, session: $1)
            },
        ]
    }
}
