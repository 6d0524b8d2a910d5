package import Audit
package import Billing
package import Entitlements
package import Files
package import Identity
package import Mail
package import Models
package import Modules
package import Realtime
package import Secrets

/// Events, venues, providers and bookings, whose payments are held and paid out once.
package struct MarketplaceModule: Module {
    package let routes: [Route]
    package let workers: [Worker]
    package let schedules = [PruneMarketplaceJob.schedule]

    /// - Parameters:
    ///   - model: nil where the installation has no language model: the planner then uses fixed rules, and says so.
    ///   - commission: of releases, and of what is refunded when an event is cancelled.
    ///   - tracer: traces the requests to the model; nil for none.
    ///   - sealer: derives the key that signs addresses of private files.
    package init(
        database: any Database,
        identity: IdentityModule,
        entitlements: EntitlementsModule,
        billing: BillingModule,
        audit: AuditService,
        realtime: RealtimeModule,
        mailer: Mailer,
        sealer: Sealer,
        files: FileStore,
        model: ModelSettings? = nil,
        commission: Commission = .usual,
        tracer: OTLPTracer? = nil,
        runtime: Runtime
    ) {
        let notices = BookingNotices(mailer: mailer)
        let listeners = BookingListeners()
        let resources = ResourceService(database: database, audit: audit, runtime: runtime)
        let lifecycle = EventLifecycleService(database: database, notices: notices, audit: audit, runtime: runtime)
        let bookings = BookingService(database: database, notices: notices, audit: audit, runtime: runtime)
        let answers = BookingAnswerService(
            database: database, lifecycle: lifecycle, listeners: listeners, notices: notices, audit: audit)
        let disputes = MarketplaceDisputeService(
            database: database, notices: notices, audit: audit, runtime: runtime)
        let funds = EventFundsReader(
            payments: billing.payments, refunds: billing.refunds, disputes: billing.disputes)
        let returns = EventRefundService(
            payments: billing.payments, refunds: billing.refunds, money: billing.money, reader: funds,
            commission: commission)
        let payments = EventPaymentService(
            database: database, payments: billing.payments, disputes: billing.disputes, funds: funds, returns: returns,
            lifecycle: lifecycle)
        let releases = ReleaseService(
            database: database, payouts: billing.payouts, funds: funds, commission: commission,
            notices: ReleaseNotices(notices: notices), audit: audit)
        let cancellations = EventCancellationService(
            database: database, lifecycle: lifecycle, listeners: listeners, payments: billing.payments,
            returns: returns, audit: audit)
        let resolutions = DisputeResolutionService(
            database: database, lifecycle: lifecycle, releases: releases, returns: returns, audit: audit)
        let holds = PayoutHoldService(
            database: database, payouts: billing.payouts, lifecycle: lifecycle, returns: returns, audit: audit)
        let finances = MarketplaceFinanceService(
            database: database, finance: billing.finance, payments: billing.payments, payouts: billing.payouts,
            funds: funds)
        var bounds = ModelClientSettings()
        bounds.tracer = tracer
        let iterations = PlannerIterations(database: database, quotas: entitlements.quotas, runtime: runtime)
        let plannerModel = model.map {
            PlannerModel(client: $0.upstream.client(bounds, runtime: runtime), name: $0.model)
        }
        let member = identity.member.allowing(.marketplace)
        let administrator = identity.role(.admin)
        realtime.topics.register(ChatService.topicFamily)
        identity.events.addObligations { try MarketplacePersonalData.obligation(of: $0, in: $1) }
        identity.events.addData { try MarketplacePersonalData.hasData($0, in: $1) }

        routes =
            ListingRoutes(listing: ListingService(database: database), member: member).routes
            + ResourceRoutes<Venues>(resources: resources, identity: identity).others
            + ResourceRoutes<ServiceProviders>(resources: resources, identity: identity).all
            + ResourceRoutes<Services>(resources: resources, identity: identity).others
            + ResourceRoutes<ProviderServices>(resources: resources, identity: identity).all
            + ResourceRoutes<AvailabilityDays>(resources: resources, identity: identity).all
            + ResourceRoutes<Events>(resources: resources, identity: identity).all
            + ResourceRoutes<EventCollaborators>(resources: resources, identity: identity).all
            + CollaborationRoutes(
                collaborations: CollaborationService(database: database, audit: audit), resources: resources,
                member: member
            ).routes
            + ResourceRoutes<EventTemplates>(resources: resources, identity: identity).all
            + ResourceRoutes<Reviews>(resources: resources, identity: identity).all
            + ResourceRoutes<Documents>(resources: resources, identity: identity).all
            + RecordRoutes(
                records: RecordService(database: database, audit: audit, runtime: runtime), identity: identity
            ).routes
            + BookingRoutes(
                bookings: bookings, answers: answers, disputes: disputes, lifecycle: lifecycle, resources: resources,
                identity: identity
            ).routes
            + EventPaymentRoutes(payments: payments, member: member).routes
            + ReleaseRoutes(releases: releases, member: member).routes
            + EventCancellationRoutes(cancellations: cancellations, member: member).routes
            + ChatRoutes(
                chat: ChatService(database: database, topics: realtime.topics, audit: audit, runtime: runtime),
                member: member
            ).routes
            + PlannerRoutes(
                planner: PlannerService(
                    database: database, iterations: iterations, model: plannerModel, audit: audit, runtime: runtime),
                member: member, verified: identity.verified, entitlements: entitlements
            ).routes
            + TemplateRoutes(
                templates: TemplateService(database: database, audit: audit, runtime: runtime), resources: resources,
                member: member
            ).routes
            + FileRoutes(
                files: FileService(
                    database: database, files: files, audit: audit, key: sealer.key(for: "marketplace files"),
                    runtime: runtime),
                integrations: IntegrationService(
                    database: database, model: plannerModel, iterations: iterations, mailer: mailer, audit: audit),
                member: member, verified: identity.verified, entitlements: entitlements
            ).routes
            + SubmissionRoutes(
                submissions: SubmissionService(database: database, audit: audit, runtime: runtime),
                administrator: administrator
            ).routes
            + VendorReviewRoutes(
                reviews: VendorReviewService(
                    database: database, payouts: billing.payouts, notices: notices, audit: audit),
                administrator: administrator
            ).routes
            + MarketplaceAdministrationRoutes(
                bookings: BookingAdministrationService(database: database), disputes: disputes,
                administrator: administrator
            ).routes
            + MarketplaceFinanceRoutes(
                finances: finances, holds: holds, resolutions: resolutions, administrator: administrator
            ).routes
        workers = [PruneMarketplaceJob.worker(database)]
    }

    package static let keyScopes: [KeyScope] = [.marketplace]
    package static let migrations = MarketplaceSchema.migrations
    package static let invariants = MarketplaceInvariants.all
    package var migrations: [Migration] { Self.migrations }
}

extension MarketplaceModule: PersonalDataProvider {
    package var personalDataTables: [PersonalDataTable] { MarketplacePersonalData.tables }
}

extension KeyScope {
    package static let marketplace = KeyScope("marketplace")
}
