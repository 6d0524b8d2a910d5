import Identity
import Modules

/// The keys of products that run elsewhere, for administrators.
struct ServiceKeyRoutes {
    let identity: IdentityModule
    let serviceKeys: ServiceKeyService

    var routes: [Route] {
        [
            .post(
                "admin/service-keys", "Create a service key; its text is shown once",
                requires: identity.role(.admin).inPerson, problems: [.tooManyAPIKeys] + Confirmation.problems
            ) { [serviceKeys] (payload: ServiceKeyRequest, scope) in
                Created(try await serviceKeys.create(payload, scope: scope))
            },
            .get("admin/service-keys", "List the service keys, newest first", requires: identity.role(.admin)) {
                [serviceKeys] _ in try await serviceKeys.list()
            },
            .post(
                "admin/service-keys/{id}/rotation",
                "Rotate a service key; the old key remains valid for the overlap",
                requires: identity.role(.admin).inPerson, .path("id", of: ServiceKey.self),
                .query("overlap_hours", 0...168, default: Int(ServiceKey.overlap.inSeconds) / 3_600),
                problems: [.apiKeyEnded, .tooManyAPIKeys, .reauthenticationRequired]
            ) { [serviceKeys] scope, id, hours in
                Created(try await serviceKeys.rotate(id, overlap: .hours(Int64(hours)), scope: scope))
            },
            .delete(
                "admin/service-keys/{id}", "Revoke a service key", requires: identity.role(.admin).inPerson,
                .path("id", of: ServiceKey.self)
            ) { [serviceKeys] scope, id in
                try await serviceKeys.revoke(id, scope: scope)
                return NoContent()
            },
        ]
    }
}
