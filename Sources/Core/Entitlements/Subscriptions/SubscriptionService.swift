import Audit
import Identity
package import Modules

/// The verbs of subscriptions: start one, change its plan, look at it.
struct Subscriptions: Sendable {
    let database: any Database
    let catalogue: Catalogue
    let audit: AuditModule
    let runtime: Runtime

    /// Starts a plan that anybody may start.
    /// - Throws: `plan-not-found`; `payment-required` for a plan that costs; `already-subscribed`.
    func start(_ request: Subscribe, scope: Scope) async throws(Problem) -> SubscriptionView {
        let plan = try plan(request.plan)
        guard plan.start == .anyone else {
            throw Problem(.paymentRequired, detail: "\(plan.name) is started by an administrator.", members: ["plan": .string(plan.name)])
        }
        return try await database.write { transaction in
            let subscription = Subscription(id: runtime.id(), organisation: scope.organisation, plan: plan.id, anchor: transaction.now)
            guard try transaction.insert(subscription) else { throw Problem(.alreadySubscribed) }
            try record("subscription.started", plan, scope.organisation, scope, in: transaction)
            return SubscriptionView(plan, subscription, at: transaction.now)
        }
    }

    /// Puts somebody on a plan at once. The period goes on and what was used in it stays used.
    /// - Throws: `plan-not-found`, `not-found` for an unknown account.
    func adjust(_ request: Adjustment, scope: Scope, person: ID<Person>) async throws(Problem) -> SubscriptionView {
        let plan = try plan(request.plan)
        return try await database.write { transaction in
            guard let organisation = try transaction.personalOrganisation(of: person) else { throw Problem(.notFound, detail: "There is no such account.") }
            let fresh = Subscription(id: runtime.id(), organisation: organisation, plan: plan.id, anchor: transaction.now)
            var anchor = fresh.anchor
            if try !transaction.insert(fresh), let present = try transaction.activeSubscription(of: organisation) {
                try transaction.change(present.id, of: organisation, to: plan.id)
                anchor = present.anchor
            }
            try record("subscription.adjusted", plan, organisation, scope, in: transaction)
            return SubscriptionView(plan, Subscription(id: fresh.id, organisation: organisation, plan: plan.id, anchor: anchor), at: transaction.now)
        }
    }

    func current(_ standing: Standing) -> SubscriptionView { SubscriptionView(standing.plan, standing.subscription, at: standing.readAt) }

    private func plan(_ id: String) throws(Problem) -> Plan {
        guard let plan = catalogue[Plan.ID(id)] else {
            throw Problem(.planNotFound, detail: "The plans are: \(catalogue.plans.map(\.id.text).joined(separator: ", ")).")
        }
        return plan
    }

    private func record(_ action: String, _ plan: Plan, _ organisation: ID<Organisation>, _ scope: Scope, in transaction: Transaction) throws {
        try audit.record(
            AuditEvent(
                action,
                actor: scope.person.text,
                organisation: organisation.text,
                address: scope.address,
                requestID: scope.requestID,
                details: ["plan": plan.id.text]
            ),
            in: transaction
        )
    }
}

extension Problem.Kind {
    package static let planNotFound = Self("plan-not-found", "There is no such plan", status: 404)
    package static let paymentRequired = Self("payment-required", "This plan has to be paid for", status: 402)
    package static let alreadySubscribed = Self("already-subscribed", "There is an active subscription already", status: 409)
}
