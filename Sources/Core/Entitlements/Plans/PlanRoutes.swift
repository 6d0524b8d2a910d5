import Identity
import Modules

struct PlanRoutes {
    let identity: IdentityModule
    let plans: PlanCatalog

    var routes: [Route] {
        [
            .get("plans", "List the plans", requires: .public) { _ in
                PlanList(plans: plans.current.plans.map { PlanView($0) })
            },
            .get(
                "admin/plans/{id}", "A plan with all its versions", requires: identity.role(.admin), .path("id"),
                problems: [.planNotFound]
            ) { _, id in
                let versions = plans.versions(of: Plan.ID(id))
                guard !versions.isEmpty else { throw Problem(.planNotFound) }
                return PlanHistory(id: id, versions: versions.reversed().map(PlanVersionView.init))
            },
            .put(
                "admin/plans/{id}",
                "Store the next version of a plan, or a new plan",
                requires: identity.role(.admin), .path("id"),
                problems: [.conflict]
            ) { (change: PlanChange, scope, id) in
                PlanVersionView(
                    try await plans.change(
                        Plan.ID(id), to: change.plan, expecting: change.version,
                        appliesAtOnce: change.appliesAtOnce ?? false, scope: scope)
                )
            },
        ]
    }
}
