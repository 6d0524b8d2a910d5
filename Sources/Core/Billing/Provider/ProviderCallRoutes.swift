import Identity
import Modules

/// Calls to the provider, for administrators.
struct ProviderCallRoutes {
    let identity: IdentityModule
    let administration: ProviderCallAdministrationService

    var routes: [Route] {
        [
            .get(
                "admin/provider-calls", "List calls to the payment provider, by default those that are not settled",
                requires: identity.role(.admin), .query("state", oneOf: ProviderCall.State.allCases.map(\.rawValue)),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { _, state, limit, offset in
                try await administration.list(
                    state.flatMap(ProviderCall.State.init), limit: limit, offset: offset)
            },
            .post(
                "admin/provider-calls/{id}/redrive", "Look up a call again whose outcome is not known",
                requires: identity.role(.admin), .path("id", of: ProviderCall.self), problems: [.providerCallState]
            ) { scope, id in try await administration.redrive(id, scope: scope) },
            .post(
                "admin/provider-calls/{id}/resolution", "Enter the outcome of a call, as found at the provider",
                requires: identity.role(.admin), .path("id", of: ProviderCall.self),
                problems: [.providerCallState, .providerUnavailable, .notConfigured]
            ) { (resolution: ProviderCallResolution, scope, id) in
                try await administration.resolve(id, resolution, scope: scope)
            },
        ]
    }
}
