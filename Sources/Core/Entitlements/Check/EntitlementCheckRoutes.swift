import Identity
import Modules

struct EntitlementCheckRoutes {
    let member: Member
    let checks: EntitlementCheckService
    let rates: PlanRateService

    var routes: [Route] {
        [
            Route.post(
                "entitlements/check",
                "Check whether the plan has units left, or includes a feature; nothing is taken",
                requires: member.allowing(.entitlementsCheck),
                problems: [.unknownMeter, .notAMember]
            ) { (check: EntitlementCheck, scope) in try await checks.check(check, scope: scope) }
            .guarded(by: rates.requirement(.checks))
        ]
    }
}
