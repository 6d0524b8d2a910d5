import Identity
import Modules

/// The endpoint of savings.
struct SandboxSavingsRoutes: Sendable {
    let savings: SandboxSavingsService
    let member: Member

    var routes: [Route] {
        [
            .get(
                "sandbox/sessions/{session_id}/savings", "Get what the instance of a session saved, hour by hour",
                requires: member.allowing(.sandbox), .path("session_id"), problems: [.sandboxSessionNotFound]
            ) { [savings] scope, key in try await savings.savings(key, scope: scope) }
        ]
    }
}
