import Identity
import Modules

/// The endpoints of decisions.
struct EvaluationRoutes: Sendable {
    let evaluations: EvaluationService
    let member: Member

    var routes: [Route] {
        [
            .post(
                "sandbox/sessions/{session_id}/evaluate", "Decide about the instance of a session",
                requires: member.allowing(.sandbox), .path("session_id"),
                problems: [
                    .sandboxSessionNotFound, .sessionExpired, .evaluationInProgress, .moveInProgress,
                    .instanceMismatch,
                ]
            ) { [evaluations] scope, key in try await evaluations.evaluate(key, scope: scope) },
            .post(
                "evaluate", "Decide about an instance of a type in a zone", requires: member.allowing(.sandbox)
            ) { [evaluations] (request: EvaluatePool, scope) in try await evaluations.evaluate(request, scope: scope) },
        ]
    }
}
