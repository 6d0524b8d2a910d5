import Files
import Modules

/// Deletes copies whose time is over, and files that a worker left behind when it was cut off.
struct CleanExports: Job {
    static let name = "privacy.clean-exports"
}

extension ExportService {
    var cleaner: Worker {
        Worker(CleanExports.self) { _, context in
            for export in try await database.read({ try $0.exportsToClean(limit: 500) }) {
                try context.checkCancellation()
                // First the file: a row without one is found again, a file without a row would only be found as a stray.
                if let name = export.fileName { try await files.remove(Self.key(name)) }
                try await database.write { try $0.deleteExport(export.id) }
            }
            try await removeStrays(context)
            return .done
        }
    }

    private func removeStrays(_ context: JobContext) async throws {
        for file in try await files.files(under: Self.folder) {
            try context.checkCancellation()
            let name = file.name.dropFirst("exports/".count)
            guard let id = ID<Export>(String(name.prefix { $0 != "." })) else { continue }
            let export = try await database.read { try $0.export(id) }
            let isWanted = export.map { $0.state == .preparing || $0.fileName == String(name) } ?? false
            if !isWanted { try await files.remove(Self.key(String(name))) }
        }
    }

    var schedule: Schedule {
        Schedule(id: CleanExports.name, .every(.hours(1))) { _, queue, transaction in
            try queue.enqueue(
                CleanExports(), JobOptions(priority: 1_000, uniqueKey: CleanExports.name), in: transaction)
        }
    }
}
