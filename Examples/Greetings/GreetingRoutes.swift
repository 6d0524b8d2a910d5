import Entitlements
import Identity
import Modules

/// The endpoints of greetings.
struct GreetingRoutes: Sendable {
    let greetings: GreetingService
    let member: Member
    let entitlements: EntitlementsModule

    var routes: [Route] {
        [
            .post(
                "greetings", "Order a greeting",
                requires: member, entitlements.subscription, entitlements.quota(.greetings)
            ) { (payload: NewGreeting, scope, _, charge) in
                try await greetings.order(payload, scope: scope, charge: charge)
            },
            .get("greetings", "List the newest greetings", requires: member, .query("limit", 1...100, default: 20)) {
                try await greetings.list(scope: $0, limit: $1)
            },
            .get("greetings/{id}", "Get a greeting", requires: member, .path("id", of: Greeting.self)) {
                try await greetings.view(scope: $0, id: $1)
            },
        ]
    }
}
