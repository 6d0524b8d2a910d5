package import Identity
package import Modules
import ServiceLifecycle

/// Topics: sequences of messages that are appended in the transactions which cause them, and that clients follow.
package struct RealtimeModule: Module {
    package let topics: TopicService
    package let subscriptions: SubscriptionService
    /// Products register the events that clients of Socket.IO may send.
    package let sockets: SocketIOService
    /// It must run for as long as the process serves.
    package let refresher: RealtimeRefresher
    /// Stops together with the HTTP server.
    package let drain: SubscriptionDrain
    package let routes: [Route]
    private let hub: TopicHub
    private let database: any Database

    /// - Parameter subscriptionsPerCaller: in this process; also of one topic by readers without a credential.
    package init(
        database: any Database, identity: IdentityModule, subscriptionsPerCaller: Int, logger: Logger, runtime: Runtime
    ) {
        let hub = TopicHub(database: database, readersMax: subscriptionsPerCaller, logger: logger)
        let access = identity.access
        let tickets: TicketService
        topics = TopicService(hub: hub)
        subscriptions = SubscriptionService(database: database, topics: topics, hub: hub)
        let member = identity.member.allowing(.realtimeRead)
        sockets = SocketIOService(
            member: member, access: access, subscriptions: subscriptions, logger: logger, runtime: runtime)
        refresher = RealtimeRefresher(
            hub: hub, subscriptions: subscriptions, sockets: sockets, access: access, logger: logger)
        drain = SubscriptionDrain(hub: hub, sockets: sockets)
        tickets = TicketService(database: database, topics: topics, access: access, runtime: runtime)
        routes =
            TopicRoutes(
                subscriptions: subscriptions,
                member: RealtimeMember(member: member, tickets: tickets),
                originCheck: identity.originCheck, logger: logger
            ).routes + TicketRoutes(tickets: tickets, member: identity.member).routes
            + SocketIORoutes(sockets: sockets, originCheck: identity.originCheck, logger: logger).routes
        self.hub = hub
        self.database = database
    }

    /// Sends signals to other processes by `transport` in place of the database, whose notifications are still
    /// received.
    package func send(by transport: @escaping @Sendable (String) -> Void) { hub.send(by: transport) }

    /// Passes on a signal of another process.
    package func receive(_ signal: String) { hub.receive(signal) }

    package static let migrations = RealtimeSchema.migrations
    package static let invariants = RealtimeInvariants.all
    package var migrations: [Migration] { Self.migrations }
    package var workers: [Worker] { [TopicPruningJob.worker(topics, database)] }
    package var schedules: [Schedule] { [TopicPruningJob.schedule] }
}

extension RealtimeModule: PersonalDataProvider {
    package var personalDataTables: [PersonalDataTable] { RealtimePersonalData.tables }
}
