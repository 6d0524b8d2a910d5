package import Entitlements
package import Identity
package import Modules

/// Writes greetings, within the quota of a plan.
package struct GreetingModule: Module {
    package let routes: [Route]
    package let workers: [Worker]
    package let schedules = [PruneGreetingsJob.schedule]

    package init(
        database: any Database,
        identity: IdentityModule,
        entitlements: EntitlementsModule,
        queue: JobQueue,
        runtime: Runtime
    ) {
        let greetings = GreetingService(
            database: database, quotas: entitlements.quotas, queue: queue, runtime: runtime)
        routes =
            GreetingRoutes(greetings: greetings, member: identity.member, entitlements: entitlements).routes
        workers = [WriteGreetingJob.worker(greetings), PruneGreetingsJob.worker(database)]
    }

    package static let meters: [Meter] = [.greetings]
    package static let migrations = GreetingSchema.migrations
    package static let invariants = GreetingInvariants.all
    package var migrations: [Migration] { Self.migrations }
}

extension GreetingModule: PersonalDataProvider {
    package var personalDataTables: [PersonalDataTable] { GreetingPersonalData.tables }
}

extension Meter {
    package static let greetings = Meter("greetings", title: "Greeting")
}
