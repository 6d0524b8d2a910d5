package import Audit
package import Identity
package import Modules

/// What a caller's plan allows, and taking from it: never over, never lost, never twice.
package struct EntitlementsModule: Module {
    let database: any Database
    let identity: IdentityModule
    package let catalogue: Catalogue
    let meters: [Meter]
    let subscriptions: Subscriptions
    let runtime: Runtime

    /// - Parameter meters: those that products count, in the order in which usage lists them.
    package init(database: any Database, identity: IdentityModule, catalogue: Catalogue, meters: [Meter], audit: AuditModule, runtime: Runtime) {
        self.database = database
        self.identity = identity
        self.catalogue = catalogue
        self.meters = meters
        self.runtime = runtime
        subscriptions = Subscriptions(database: database, catalogue: catalogue, audit: audit, runtime: runtime)
    }

    package var routes: [Route] { subscriptionRoutes }
    package static let migrations = EntitlementsSchema.migrations
    package var migrations: [Migration] { Self.migrations }
    package var workers: [Worker] {
        [
            Worker(ExpireReservations.self) { _, _ in
                try await recover()
                return .done
            }
        ]
    }
    package var schedules: [Schedule] {
        [
            Schedule(id: "entitlements.expire-reservations", .every(.minutes(1))) { _, queue, transaction in
                try queue.enqueue(ExpireReservations(), JobOptions(uniqueKey: ExpireReservations.name), in: transaction)
            }
        ]
    }

    /// Requires an active subscription; the proof tells the plan and the period.
    package var subscription: SubscriptionRequirement { SubscriptionRequirement(entitlements: self) }

    /// Requires a plan that includes `feature`.
    package func feature(_ feature: Feature) -> FeatureRequirement { FeatureRequirement(feature: feature, entitlements: self) }

    /// Requires room for `units` of `meter`; the proof is spent by ``reserve(_:operation:fingerprint:in:)`` or ``spend(_:operation:in:)``.
    package func quota(_ meter: Meter, units: Int64 = 1) -> QuotaRequirement { QuotaRequirement(meter: meter, units: units, entitlements: self) }

    /// Where the caller's organisation stands; read from the database once a call.
    /// - Throws: what `member` throws; `no-active-subscription`.
    func standing(for call: Call) async throws(Problem) -> Standing {
        if let known = call.facts.value(of: Standing.self) { return known }
        let scope = try await identity.member.scope(of: call)
        let standing = try await database.read { [catalogue] transaction -> Standing? in
            guard let subscription = try transaction.activeSubscription(of: scope.organisation), let plan = catalogue[subscription.plan] else { return nil }
            let period = Period(anchor: subscription.anchor, containing: transaction.now)
            return Standing(
                organisation: scope.organisation,
                plan: plan,
                period: period,
                readAt: transaction.now,
                subscription: subscription,
                levels: try transaction.levels(of: scope.organisation, in: period)
            )
        }
        guard let standing else {
            throw Problem(.noActiveSubscription, detail: "Start a plan first: POST /v1/payments/subscribe with {\"plan\": \"free\"} needs no payment.")
        }
        call.facts.set(standing)
        return standing
    }
}

/// Gives back what reservations held whose lease ran out.
struct ExpireReservations: Job {
    static let name = "entitlements.expire-reservations"
}
