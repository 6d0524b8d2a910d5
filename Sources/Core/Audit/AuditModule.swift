package import Modules
package import Secrets

/// The audit trail: one row per event, written in the transaction of the change that it records. Every row holds a hash
/// over itself and the row before it, so that a changed, deleted or inserted row is detected.
package struct AuditModule: Module {
    /// Records events. Modules above receive this service only.
    package let service: AuditService
    package let search: AuditSearchService
    package let checkpoints: AuditCheckpointService
    package let verification: AuditVerificationService
    package let export: AuditExportService
    package let historyExport: AuditHistoryExportService
    package let erasure: AuditErasureService
    package let configuration: ConfigurationAuditService

    /// - Parameter checkpointFile: the path at which the newest checkpoint is kept; nil keeps none.
    package init(
        database: any Database, sealer: Sealer, checkpointFile: String? = nil, logger: Logger, runtime: Runtime
    ) {
        let file = checkpointFile.map { AuditCheckpointFile(path: $0) }
        let keys = AuditKeys(sealer: sealer)
        service = AuditService(keys: keys, runtime: runtime)
        search = AuditSearchService(database: database)
        checkpoints = AuditCheckpointService(
            database: database, keys: keys, file: file, logger: logger, runtime: runtime)
        verification = AuditVerificationService(database: database, keys: keys, file: file)
        export = AuditExportService(database: database, checkpoints: checkpoints)
        historyExport = AuditHistoryExportService(database: database, keys: keys, runtime: runtime)
        erasure = AuditErasureService(audit: service, runtime: runtime)
        configuration = ConfigurationAuditService(database: database, keys: keys, audit: service)
    }

    package static let migrations = [AuditSchema.migration]
    package var migrations: [Migration] { Self.migrations }
    package var workers: [Worker] { [AuditCheckpointJob.worker(checkpoints)] }
    package var schedules: [Schedule] { [AuditCheckpointJob.schedule] }
}
