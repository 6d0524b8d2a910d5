import Identity
import Modules

/// The endpoint with which collaborators accept.
struct CollaborationRoutes: Sendable {
    let collaborations: CollaborationService
    let resources: ResourceService
    let member: Member

    var routes: [Route] {
        [
            .post(
                "marketplace/event-collaborators/{id}/acceptance", "Accept to take part in an event",
                requires: member, .path("id", of: EventCollaborator.self), problems: [.notFound]
            ) { [collaborations, resources] scope, id in
                try await collaborations.accept(id, scope: scope)
                return try await resources.get(EventCollaborators.self, id, scope: scope)
            }.alias("/api/event-collaborators/{id}/acceptance")
        ]
    }
}
