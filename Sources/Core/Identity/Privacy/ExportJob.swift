import Modules

/// Prepares one export.
struct ExportJob: Job {
    static let name = "privacy.prepare-export"
    static let lane = JobLane.export
    let export: ID<Export>

    static func worker(_ exports: ExportService) -> Worker {
        Worker(Self.self) { job, context in
            try await exports.prepare(job.export, context)
        } abandoned: { job, _, transaction in
            try transaction.markExportFailed(job.export)
        }
    }
}
