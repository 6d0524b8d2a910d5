import Files
import Modules

/// Deletes expired exports, and files that an interrupted worker left: once an hour.
struct ExportCleanupJob: Job {
    static let name = "privacy.clean-exports"
    /// Exports per run.
    private static let batchSize = 500

    static let schedule = Schedule(id: name, .every(.hours(1))) { _, queue, transaction in
        try queue.enqueue(ExportCleanupJob(), JobOptions(priority: 1_000, uniqueKey: name), in: transaction)
    }

    static func worker(database: any Database, files: FileStore) -> Worker {
        Worker(Self.self) { _, context in
            for export in try await database.read({ try $0.expiredExports(limit: batchSize) }) {
                try context.checkCancellation()
                // The file first: after a crash between the two steps the row remains and the next run repeats both.
                if let name = export.fileName { try await files.remove(Export.fileKey(name)) }
                try await database.write { try $0.deleteExport(export.id) }
            }
            try await removeOrphans(database, files, context)
            return .done
        }
    }

    /// Removes files without a row, and files of an earlier attempt.
    private static func removeOrphans(_ database: any Database, _ files: FileStore, _ context: JobContext) async throws
    {
        for file in try await files.files(under: Export.folder) {
            try context.checkCancellation()
            let name = String(file.name.dropFirst("exports/".count))
            guard let id = ID<Export>(String(name.prefix { $0 != "." })) else { continue }
            let export = try await database.read { try $0.export(id) }
            let isInUse = export.map { $0.state == .preparing || $0.fileName == name } ?? false
            if !isInUse { try await files.remove(Export.fileKey(name)) }
        }
    }
}
