package import Audit
package import Identity
package import Ledger
package import Mail
package import Modules
package import Rates

/// What a caller's plan allows, and taking from it: never over, never lost, never twice.
package struct EntitlementsModule: Module {
    let database: any Database
    let identity: IdentityModule
    /// Every plan in each of its versions; it must run for as long as the process answers.
    package let plans: PlanCatalog
    let meters: [Meter]
    let subscriptions: SubscriptionService
    let trials: TrialService
    let limiter: RateLimiter
    let subscriptionCache = SubscriptionCache(lifetime: .seconds(2))
    let usage: UsageService
    /// Credits: what trials begin with and purchases bring, and the work that takes them.
    package let creditService: CreditService
    let runtime: Runtime
    /// Which node this process is.
    package let node = NodeRegistry()
    let escrow = Escrow()
    /// Who is asked after reservations that are lost. Modules register theirs when they are made.
    package let reservationResolvers = ReservationResolvers()
    let snapshotCache = EntitlementSnapshotCache(lifetime: .seconds(1))

    /// - Parameter meters: those that products count, in the order in which usage lists them.
    package init(
        database: any Database,
        identity: IdentityModule,
        plans: PlanCatalog,
        meters: [Meter],
        audit: AuditService,
        ledger: Ledger,
        mailer: Mailer,
        limiter: RateLimiter,
        runtime: Runtime
    ) {
        self.database = database
        self.identity = identity
        self.plans = plans
        self.meters = meters
        self.limiter = limiter
        self.runtime = runtime
        creditService = CreditService(database: database, ledger: ledger, audit: audit, runtime: runtime)
        subscriptions = SubscriptionService(
            database: database, plans: plans, credits: creditService, audit: audit, runtime: runtime)
        let trials = TrialService(
            database: database, plans: plans, credits: creditService, audit: audit, mailer: mailer, runtime: runtime)
        self.trials = trials
        usage = UsageService(database: database, plans: plans, ownMeters: meters, audit: audit, mailer: mailer)
        // The trial is there in the same moment as the proof, or neither is.
        identity.events.onEmailVerified { person, organisation, transaction in
            _ = try trials.begin(for: person, of: organisation, in: transaction)
        }
    }

    package var routes: [Route] {
        planRoutes + subscriptionRoutes + creditRoutes + administrationRoutes + usageRoutes + remoteRoutes
    }
    /// The newest version of each plan.
    package var catalogue: Catalogue { plans.catalogue }
    package static let migrations =
        EntitlementsSchema.migrations + CreditSchema.migrations + ReservationsSchema.migrations + UsageSchema.migrations
    package var migrations: [Migration] { Self.migrations }
    package var workers: [Worker] {
        [
            Worker(ExpireReservations.self) { _, _ in
                try await recover()
                try await database.write { try $0.forgetNodes() }
                return .done
            },
            Worker(SettleSubscriptions.self) { _, _ in
                try await trials.settleAll()
                return .done
            },
            creditWorker,
        ]
    }
    package var schedules: [Schedule] {
        [
            Schedule(id: "entitlements.expire-reservations", .every(.minutes(1))) { _, queue, transaction in
                try queue.enqueue(ExpireReservations(), JobOptions(uniqueKey: ExpireReservations.name), in: transaction)
            },
            Schedule(id: "entitlements.settle-subscriptions", .every(.minutes(1))) { _, queue, transaction in
                try queue.enqueue(
                    SettleSubscriptions(), JobOptions(uniqueKey: SettleSubscriptions.name), in: transaction)
            },
            creditSchedule,
        ]
    }

    /// Requires an active subscription; the proof tells the plan and the period.
    package var subscription: SubscriptionRequirement { SubscriptionRequirement(entitlements: self) }

    /// Requires a plan that includes `feature`.
    package func feature(_ feature: Feature) -> FeatureRequirement {
        FeatureRequirement(feature: feature, entitlements: self)
    }

    /// Requires room for `units` of `meter`; the proof is spent by ``reserve(_:operation:fingerprint:terms:in:)``, ``spend(_:operation:in:)`` or,
    /// where the mode is another than durable, by ``draw(_:operation:)``.
    package func quota(_ meter: Meter, units: Int64 = 1, mode: Admission = .durable) -> QuotaRequirement {
        QuotaRequirement(meter: meter, units: units, mode: mode, entitlements: self)
    }

    /// Where the caller's organisation stands; read from the database once a call.
    /// - Throws: what `member` throws; `no-active-subscription`.
    func standing(for call: Request) async throws(Problem) -> EntitlementSnapshot {
        if let known = call.context.value(of: EntitlementSnapshot.self) { return known }
        let scope = try await identity.member.scope(of: call)
        guard let standing = try await database.read({ [plans] in try plans.standing(of: scope.organisation, in: $0) })
        else {
            throw Problem(
                .noActiveSubscription,
                detail: "Start a plan first: POST /v1/payments/subscribe with {\"plan\": \"free\"} needs no payment.")
        }
        call.context.set(standing)
        return standing
    }
}

/// Gives back what reservations held whose lease ran out.
struct ExpireReservations: Job {
    static let name = "entitlements.expire-reservations"
}
