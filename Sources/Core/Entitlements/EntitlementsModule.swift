package import Audit
package import Identity
package import Ledger
package import Mail
package import Modules
package import Rates
package import Secrets
package import Webhooks

/// Plans, subscriptions, quotas, credits, concurrency and usage: what an organisation may use, and how much it has
/// used.
package final class EntitlementsModule: Module, PersonalDataProvider {
    /// All versions of all plans; it must run for as long as the process serves.
    package let plans: PlanCatalog
    package let quotas: QuotaService
    package let storage: StorageQuotaService
    package let escrow: EscrowService
    package let recovery: ReservationRecovery
    package let resolvers: ReservationResolvers
    package let nodes: NodeRegistry
    package let credits: CreditService
    package let concurrency: ConcurrencyService
    package let unattendedCharges: UnattendedCharges
    let queue: QuotaQueue
    let settled: SettledReservationService
    package let subscriptions: SubscriptionService
    package let billing: SubscriptionBillingService
    let trials: TrialService
    let usage: UsageService
    let creditExpiry: CreditExpiryService
    let creditCorrections: CreditCorrectionService
    private let retention: RetainedUsageService
    private let entitlements: EntitlementService
    private let creditGate: CreditGate
    private let planRates: PlanRateService
    private let limiter: RateLimiter
    private let explanations: ExplanationRoutes
    private let ledger: LedgerService

    package let routes: [Route]

    /// - Parameter meters: those of the products in this program, in the order in which usage lists them.
    package init(
        database: any Database,
        identity: IdentityModule,
        plans: PlanCatalog,
        meters productMeters: [Meter],
        audit: AuditService,
        ledger: LedgerService,
        webhooks: WebhookService,
        mailer: Mailer,
        sealer: Sealer,
        limiter: RateLimiter,
        runtime: Runtime
    ) {
        self.plans = plans
        self.ledger = ledger
        unattendedCharges = UnattendedCharges(plans: plans)
        let meters = MeterCatalog(productMeters: productMeters, plans: plans)
        let cache = EntitlementCache(plans: plans)
        let levels = LevelCache(snapshots: cache.snapshots, runtime: runtime)
        let alerts = UsageAlertService(
            plans: plans, levels: levels, audit: audit, mailer: mailer, webhooks: webhooks)
        let events = SubscriptionEvents(webhooks: webhooks)

        // Gate
        entitlements = EntitlementService(
            database: database, member: identity.member, plans: plans, cache: cache, levels: levels, runtime: runtime)
        planRates = PlanRateService(limiter: limiter, entitlements: entitlements)
        self.limiter = limiter
        explanations = ExplanationRoutes(member: identity.member)
        concurrency = ConcurrencyService(database: database, entitlements: entitlements, plans: plans)

        // Quotas
        nodes = NodeRegistry(database: database)
        resolvers = ReservationResolvers()
        quotas = QuotaService(
            plans: plans, alerts: alerts, nodes: nodes, entitlements: cache, levels: levels, runtime: runtime)
        queue = QuotaQueue(
            database: database,
            batches: QuotaBatchService(quotas: quotas, alerts: alerts, entitlements: cache, levels: levels))
        settled = SettledReservationService(database: database)
        storage = StorageQuotaService(levels: levels)
        recovery = ReservationRecovery(
            database: database, quotas: quotas, nodes: nodes, resolvers: resolvers, logger: plans.logger)
        escrow = EscrowService(
            database: database, queue: queue, quotas: quotas, alerts: alerts, nodes: nodes, levels: levels,
            recovery: recovery, runtime: runtime)

        // Credits
        credits = CreditService(ledger: ledger, runtime: runtime)
        creditGate = CreditGate(database: database, entitlements: entitlements, credits: credits)
        creditExpiry = CreditExpiryService(database: database, credits: credits, runtime: runtime)
        creditCorrections = CreditCorrectionService(database: database, credits: credits, ledger: ledger, audit: audit)

        // Subscriptions and usage
        retention = RetainedUsageService(plans: plans, sealer: sealer)
        subscriptions = SubscriptionService(
            database: database, plans: plans, entitlements: cache, credits: credits, retention: retention,
            audit: audit, events: events, runtime: runtime)
        billing = SubscriptionBillingService(
            subscriptions: subscriptions, plans: plans, entitlements: cache, credits: credits, audit: audit,
            events: events, runtime: runtime)
        trials = TrialService(
            database: database, plans: plans, entitlements: cache, credits: credits, retention: retention,
            audit: audit, events: events, mailer: mailer, runtime: runtime)
        usage = UsageService(database: database, plans: plans, meters: meters, alerts: alerts)

        let subscription = SubscriptionRequirement(entitlements: entitlements)
        let serviceKeys = ServiceKeyReader(
            database: database, member: identity.member, runtime: runtime, logger: plans.logger)
        func serviceKey(_ scope: ServiceKey.Scope) -> ServiceKeyRequirement {
            ServiceKeyRequirement(scope: scope, keys: serviceKeys, member: identity.member)
        }
        routes =
            PlanRoutes(identity: identity, plans: plans).routes
            + SubscriptionRoutes(
                identity: identity, subscription: subscription, subscriptions: subscriptions, trials: trials
            ).routes
            + CreditRoutes(
                identity: identity, statements: CreditStatementService(database: database, ledger: ledger),
                corrections: creditCorrections
            ).routes
            + SubscriptionAdministrationRoutes(identity: identity, subscriptions: subscriptions).routes
            + UsageRoutes(
                identity: identity, serviceKey: serviceKey(.usageWrite), subscription: subscription, usage: usage,
                corrections: UsageCorrectionService(
                    database: database, plans: plans, meters: meters, alerts: alerts, levels: levels, audit: audit),
                queries: UsageQueryService(database: database, plans: plans, meters: meters), meters: meters,
                rates: planRates
            ).routes
            + EntitlementCheckRoutes(
                member: identity.member,
                checks: EntitlementCheckService(entitlements: entitlements, plans: plans, meters: meters),
                rates: planRates
            ).routes
            + RemoteReservationRoutes(
                serviceKey: serviceKey(.reservationsWrite),
                entitlement: EntitlementRequirement(entitlements: entitlements),
                reservations: RemoteReservationService(
                    database: database, queue: queue, quotas: quotas, meters: meters, runtime: runtime),
                rates: planRates
            ).routes
            + ServiceKeyRoutes(
                identity: identity,
                serviceKeys: ServiceKeyService(
                    database: database, meters: meters, reader: serviceKeys, confirmation: identity.confirmation,
                    audit: audit, mailer: mailer, runtime: runtime)
            ).routes

        // The trial starts in the transaction that verifies the e-mail address.
        identity.events.onEmailVerified { [trials] person, organisation, transaction in
            _ = try trials.begin(for: person, of: organisation, in: transaction)
        }
        identity.events.onAddressChanging { [retention] person, _, transaction in
            try retention.retain(person, in: transaction)
        }
        identity.events.onAccountClosed { [retention] person, _, transaction in
            try retention.retain(person, in: transaction)
        }
    }

    package static let migrations =
        EntitlementsSchema.migrations + ReservationsSchema.migrations + UsageSchema.migrations + CreditSchema.migrations
        + ServiceKeySchema.migrations + RetainedUsageSchema.migrations
        + [ReservationsSchema.serviceKeys, EntitlementsSchema.subscriptionVersions, ReservationsSchema.retention]
    package var migrations: [Migration] { Self.migrations }
    package static let invariants = EntitlementsInvariants.all
    package static let webhookEvents: [WebhookEventType] = [.subscriptionUpdated, .usageThresholdReached]
    package var personalDataTables: [PersonalDataTable] {
        EntitlementsPersonalData.tables(ledger: ledger, retention: retention)
    }
    package var workers: [Worker] {
        [
            ExpireReservationsJob.worker(recovery, nodes), DeleteReservationsJob.worker(settled),
            SettleSubscriptionsJob.worker(trials),
            ExpireCreditsJob.worker(creditExpiry),
        ]
    }
    package var schedules: [Schedule] {
        [
            ExpireReservationsJob.schedule, DeleteReservationsJob.schedule, SettleSubscriptionsJob.schedule,
            ExpireCreditsJob.schedule,
        ]
    }

    /// `routes`, with the endpoint that explains the gate of any of them.
    /// - Parameter middleware: adds the middleware that every route of this kind has.
    package func withExplanation(of routes: [Route], middleware: (Route) -> Route) -> [Route] {
        explanations.added(to: routes, middleware: middleware)
    }

    // MARK: Requirements

    /// Requires an active subscription; the proof has the plan, the period and the usage.
    package var subscription: SubscriptionRequirement { SubscriptionRequirement(entitlements: entitlements) }

    /// Requires a plan that includes `feature`.
    package func feature(_ feature: Feature) -> FeatureRequirement {
        FeatureRequirement(feature: feature, entitlements: entitlements)
    }

    /// Requires that `units` of `meter` are left. The proof is spent by
    /// ``QuotaService/reserve(_:operation:fingerprint:terms:in:)`` or ``QuotaService/spend(_:operation:in:)``; in other
    /// modes than durable, by ``EscrowService/draw(_:operation:)``.
    package func quota(_ meter: Meter, units: Int64 = 1, mode: QuotaMode = .durable) -> QuotaRequirement {
        QuotaRequirement(meter: meter, units: units, mode: mode, entitlements: entitlements)
    }

    /// Requires that a unit of `meter` is left, for work of a product without plans: of the plan where it lists the
    /// meter, otherwise of the entry `default` of the file of plans. A charge is spent as that of a quota; the product
    /// counts the units of the default allowance.
    package func allowance(_ meter: Meter) -> AllowanceRequirement { AllowanceRequirement(quota: quota(meter)) }

    /// Requires a trial with `units` credits left, or a subscription. The proof is spent by
    /// ``CreditService/reserve(_:operation:fingerprint:in:)`` or ``CreditService/spend(_:operation:in:)``.
    /// - Parameter payers: whose credits are taken; by default, a paid subscription covers the work.
    package func credits(_ units: Int64, of payers: CreditPayers = .trials) -> CreditRequirement {
        precondition(units > 0, "a requirement of credits has at least one unit")
        return CreditRequirement(units: units, payers: payers, gate: creditGate)
    }

    /// Requires that the plan allows one more active row of `concurrency`. The proof is spent by
    /// ``ConcurrencyService/take(_:in:)``.
    /// - Parameter needsSubscription: false for work of a product without plans: an organisation without a plan, or
    ///   whose plan does not list the work, has the entry `default` of the file of plans.
    package func concurrency(_ concurrency: Concurrency, needsSubscription: Bool = true) -> ConcurrencyRequirement {
        ConcurrencyRequirement(
            concurrency: concurrency, needsSubscription: needsSubscription, service: self.concurrency)
    }

    /// The rates of unsafe requests under the plan of the caller.
    /// - Returns: nil where neither the plan nor the entry `default` of the file of plans lists them.
    /// - Throws: failures of the server.
    package func writePolicy(for request: Request) async throws(Problem) -> RatePolicy? {
        try await planRates.writePolicy(for: request)
    }

    /// Limits the requests of an organisation by the rates of its plan.
    /// - Parameter cost: the units that each request takes, at least 1.
    package func rate(_ rateClass: RateClass = .default, cost: Int64 = 1) -> RateRequirement {
        planRates.requirement(rateClass, cost: cost)
    }

    /// Limits the requests of each organisation by the same rates, whatever its plan: `rate("exports", .perMinute(10),
    /// .perHour(100))`.
    /// - Parameter name: as in header fields and metrics; routes with the same name and rates share the limit.
    package func rate(_ name: String, _ rates: Rate..., cost: Int64 = 1) -> RateRequirement {
        planRates.requirement(name, rates, cost: cost)
    }

    /// Limits attempts at codes: 5 a minute and 20 an hour of an account, 30 a minute and 120 an hour of a network.
    /// - Parameter name: as in header fields and metrics; routes with the same name share the limit.
    package func attempts(_ name: String) -> AttemptRateLimit {
        AttemptRateLimit(
            name, limiter: limiter, byAccount: Rates(.perMinute(5), .perHour(20)),
            byNetwork: Rates(.perMinute(30), .perHour(120)))
    }
}
