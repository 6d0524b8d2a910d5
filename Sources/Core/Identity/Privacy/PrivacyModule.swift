package import Audit
package import Files
package import Mail
package import Modules
package import Secrets

/// What is a person's own to take away: a copy of everything about them, and everything about them.
package struct PrivacyModule: Module {
    let identity: IdentityModule
    /// Everything that is kept about people, in the order in which it can be erased.
    package let holdings: [PersonalDataTable]
    let exports: ExportService
    let erasures: ErasureService

    /// - Parameters:
    ///   - holders: everybody who keeps something about people, from the ground up.
    ///   - address: under which clients reach this service, for links in letters.
    package init(
        identity: IdentityModule,
        holders: [any PersonalDataProvider],
        files: FileStore,
        queue: JobQueue,
        mailer: Mailer,
        sealer: Sealer,
        audit: AuditService,
        address: String,
        runtime: Runtime
    ) {
        self.identity = identity
        // Those above refer to those below, and therefore go first.
        holdings = holders.reversed().flatMap(\.holdings)
        let database = identity.database
        exports = ExportService(
            database: database, holdings: holdings, files: files, queue: queue, mailer: mailer, sealer: sealer,
            audit: audit, address: address, runtime: runtime)
        erasures = ErasureService(
            identity: identity, holdings: holdings, files: files, queue: queue, mailer: mailer, sealer: sealer,
            audit: audit, runtime: runtime)
    }

    package static let migrations = PrivacySchema.migrations
    package var migrations: [Migration] { Self.migrations }
    package var routes: [Route] { privacyRoutes }
    package var workers: [Worker] { [exports.worker, exports.cleaner] + erasures.workers }
    package var schedules: [Schedule] { [exports.schedule, erasures.schedule] }
}
