import Identity
import Modules

extension TrainingModule {
    /// Sessions and their settings.
    var sessionRoutes: [Route] {
        [
            .post("training/init-session", "Open a session", requires: identity.member.allowing(.training)) {
                (request: InitSession, scope) in
                try await sessions.open(request, scope: scope)
            },
            .post(
                "training/create-database-session", "Open a session and name it",
                requires: identity.member.allowing(.training)
            ) {
                (request: CreateSession, scope) in
                try await sessions.create(request, scope: scope)
            },
            .get(
                "training/get-session-uuid/{session}", "The id of a session",
                requires: identity.member.allowing(.training), .path("session"),
                problems: [.sessionNotFound]
            ) {
                try await sessions.identity(scope: $0, session: $1)
            },
            .get(
                "training/list-sessions", "The sessions, latest first", requires: identity.member.allowing(.training),
                .query("limit", 1...500, default: 50)
            ) {
                try await sessions.list(scope: $0, limit: $1)
            },
            .get(
                "training/session/{session}", "A session", requires: identity.member.allowing(.training),
                .path("session"), problems: [.sessionNotFound]
            ) {
                try await sessions.view(scope: $0, session: $1)
            },
            .get(
                "training/session/{session}/database", "A session with everything in it",
                requires: identity.member.allowing(.training), .path("session"),
                problems: [.sessionNotFound]
            ) {
                try await sessions.whole(scope: $0, session: $1)
            },
            .get(
                "training/session-status/{session}", "How far a session is",
                requires: identity.member.allowing(.training), .path("session"),
                problems: [.sessionNotFound]
            ) {
                try await sessions.view(scope: $0, session: $1)
            },
            .post(
                "training/session/{session}/delete",
                "Delete a session with its files and models",
                requires: identity.member.allowing(.training), .path("session"),
                problems: [.sessionNotFound, .trainingInProgress]
            ) { try await sessions.delete(scope: $0, session: $1) },
            .post(
                "training/delete-all-sessions", "Delete every session that no run needs",
                requires: identity.member.allowing(.training),
                problems: [.confirmationRequired]
            ) {
                (request: DeleteAllSessions, scope) in try await sessions.deleteAll(request, scope: scope)
            },
            .post(
                "training/session-name-change", "Rename a session", requires: identity.member.allowing(.training),
                problems: [.sessionNotFound]
            ) {
                (request: RenameSession, scope) in try await sessions.rename(request, scope: scope)
            },
            .post(
                "training/finalize-session", "Say that all files are there",
                requires: identity.member.allowing(.training), problems: [.sessionNotFound]
            ) {
                (request: NamedSession, scope) in try await sessions.finalize(request, scope: scope)
            },
            .post(
                "training/save-time-info", "Set the time features", requires: identity.member.allowing(.training),
                problems: [.sessionNotFound]
            ) {
                (request: SaveTimeInfo, scope) in try await sessions.save(request, scope: scope)
            },
            .post(
                "training/save-zeitschritte", "Set the steps", requires: identity.member.allowing(.training),
                problems: [.sessionNotFound]
            ) {
                (request: SaveSteps, scope) in try await sessions.save(request, scope: scope)
            },
            .get(
                "training/get-time-info/{session}", "The time features", requires: identity.member.allowing(.training),
                .path("session"),
                problems: [.sessionNotFound]
            ) {
                try await sessions.timeInfo(scope: $0, session: $1)
            },
            .get(
                "training/get-zeitschritte/{session}", "The steps", requires: identity.member.allowing(.training),
                .path("session"),
                problems: [.sessionNotFound, .resultsNotFound]
            ) {
                try await sessions.steps(scope: $0, session: $1)
            },
        ]
    }
}
