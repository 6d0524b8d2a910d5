package import Audit
package import Files
package import Mail
package import Modules
package import Secrets

/// The export and the erasure of personal data.
package struct PrivacyModule: Module {
    /// Every table with personal data, in the order in which the rows can be erased.
    package let personalDataTables: [PersonalDataTable]
    package let routes: [Route]
    package let workers: [Worker]
    package var schedules: [Schedule] { [ExportCleanupJob.schedule, DueErasuresJob.schedule] }

    /// - Parameters:
    ///   - providers: every module with personal data, lowest layer first.
    ///   - address: the base URL of this service in the links of e-mails.
    package init(
        identity: IdentityModule,
        providers: [any PersonalDataProvider],
        files: FileStore,
        queue: JobQueue,
        mailer: Mailer,
        sealer: Sealer,
        audit: AuditService,
        address: String,
        runtime: Runtime
    ) {
        let database = identity.database
        // Rows of higher layers refer to rows of lower ones and must be erased first.
        let tables = providers.reversed().flatMap(\.personalDataTables)
        let archive = ExportArchive(database: database, tables: tables, files: files, runtime: runtime)
        let exports = ExportService(
            database: database, archive: archive, files: files, queue: queue, mailer: mailer, sealer: sealer,
            audit: audit, address: address, runtime: runtime)
        let erasures = ErasureService(
            database: database, confirmation: identity.confirmation, events: identity.events, mailer: mailer,
            sealer: sealer, audit: audit, frontend: identity.frontend, runtime: runtime)
        let execution = ErasureExecutionService(
            database: database, tables: tables, sessions: identity.sessions, events: identity.events,
            queue: queue, mailer: mailer, audit: audit, runtime: runtime)
        personalDataTables = tables
        routes =
            ExportRoutes(exports: exports, member: identity.member).routes
            + ErasureRoutes(erasures: erasures, member: identity.member).routes
        workers = [
            ExportJob.worker(exports), ExportCleanupJob.worker(database: database, files: files),
            DueErasuresJob.worker(queue), ErasureJob.worker(execution),
            ErasedFilesJob.worker(database: database, files: files),
        ]
    }

    package static let migrations = PrivacySchema.migrations
    package var migrations: [Migration] { Self.migrations }
}
