import Identity
import Modules

/// The endpoint of what was done for a session.
struct SandboxActionRoutes: Sendable {
    let actions: SandboxActionService
    let member: Member

    var routes: [Route] {
        [
            .get(
                "sandbox/sessions/{session_id}/actions", "List what was done for a session, the oldest first",
                requires: member.allowing(.sandbox), .path("session_id"), problems: [.sandboxSessionNotFound]
            ) { [actions] scope, key in try await actions.list(key, scope: scope) }
        ]
    }
}
