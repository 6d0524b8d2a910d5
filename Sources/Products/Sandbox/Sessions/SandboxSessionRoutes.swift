import Entitlements
import Identity
import Modules

/// The endpoints of sandbox sessions.
struct SandboxSessionRoutes: Sendable {
    let sessions: SandboxSessionService
    let member: Member
    let entitlements: EntitlementsModule

    var routes: [Route] {
        [
            .post(
                "sandbox/sessions", "Create a session for one instance", requires: member.allowing(.sandbox),
                entitlements.concurrency(.sandboxSessions, needsSubscription: false),
                problems: [.credentialsRefused, .notConfigured, .notFound, .conflict]
            ) { [sessions] (request: CreateSandboxSession, scope, slot) in
                Created(try await sessions.create(request, scope: scope, slot: slot))
            },
            .get(
                "sandbox/sessions", "List sessions, the newest first", requires: member.allowing(.sandbox),
                .query("limit", 1...200, default: 50)
            ) { [sessions] in try await sessions.list(scope: $0, limit: $1) },
            .get(
                "sandbox/sessions/{session_id}", "Get a session", requires: member.allowing(.sandbox),
                .path("session_id"), problems: [.sandboxSessionNotFound]
            ) { [sessions] scope, key in try await sessions.view(key, scope: scope) },
            .post(
                "sandbox/sessions/{session_id}/signals", "Report what AWS announced to the instance",
                requires: member.allowing(.sandbox), .path("session_id"),
                problems: [.sandboxSessionNotFound, .sessionExpired]
            ) { [sessions] (request: SandboxSignal, scope, key) in
                try await sessions.setSignal(request, of: key, scope: scope)
            },
            .delete(
                "sandbox/sessions/{session_id}", "End a session and remove what it made",
                requires: member.allowing(.sandbox), .path("session_id"),
                problems: [.sandboxSessionNotFound, .sessionExpired]
            ) { [sessions] scope, key in try await sessions.end(key, scope: scope) },
        ]
    }
}
