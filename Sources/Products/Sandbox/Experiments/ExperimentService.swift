import Files
import Identity
import Modules
import NIOCore

/// Reads experiments, and moves old ones to files.
final class ExperimentService: Sendable {
    private let database: any Database
    private let files: FileStore
    private let runtime: Runtime

    /// Runs of one file.
    static let archiveRowsMax = 5_000

    init(database: any Database, files: FileStore, runtime: Runtime) {
        self.database = database
        self.files = files
        self.runtime = runtime
    }

    func list(of instance: String, limit: Int, scope: Scope) async throws(Problem) -> [ExperimentView] {
        try await database.read { transaction in
            guard try transaction.labInstance(instance, of: scope.organisation) != nil else {
                throw Problem(.instanceNotFound)
            }
            return try transaction.experiments(of: instance, in: scope, limit: limit).map(ExperimentView.init)
        }
    }

    func totals(of model: String, scope: Scope) async throws(Problem) -> ExperimentTotals {
        try await database.read { transaction in
            let model = try transaction.labModel(model)
            return ExperimentTotals(model.id, try transaction.experimentTotals(of: model.id, in: scope))
        }
    }

    /// Of every organisation, for administrators.
    func archives(limit: Int) async throws(Problem) -> [ExperimentArchiveView] {
        try await database.read { try $0.experimentArchives(limit: limit).map(ExperimentArchiveView.init) }
    }

    func download(_ id: ID<ExperimentArchive>) async throws(Problem) -> Download {
        guard let archive = try await database.read({ try $0.experimentArchive(id) }) else {
            throw Problem(.archiveNotFound)
        }
        return Download(
            path: files.path(of: Self.file(id)), size: archive.bytes, name: "experiments-\(id).ndjson",
            mediaType: "application/x-ndjson")
    }

    /// Moves runs that are older than the retention to files: the file is complete on disk before its row exists, and
    /// the row exists exactly when the runs are removed.
    func archive(_ context: JobContext) async throws {
        while let organisation = try await database.read({ try $0.organisationToArchive() }) {
            try context.checkCancellation()
            let old = try await database.read { try $0.oldExperiments(of: organisation, limit: Self.archiveRowsMax) }
            let id = runtime.id(of: ExperimentArchive.self)
            let bytes = try await write(old, to: Self.file(id))
            do {
                try await database.write { transaction in
                    try transaction.insertArchive(id, of: organisation, old, bytes: bytes)
                    // Another process may have archived them.
                    guard try transaction.delete(old, of: organisation) == old.count else { throw Overtaken() }
                }
            } catch  where error.cause is Overtaken {
                try await files.remove(Self.file(id))
                return
            } catch {
                // The outcome can be unknown: the file goes only where its row does not exist.
                let exists = try? await database.read { try $0.experimentArchive(id) != nil }
                if exists == false { try? await files.remove(Self.file(id)) }
                throw error
            }
        }
    }

    private struct Overtaken: Error {}

    /// Removes files without a row, which a process that was killed between the two leaves behind. Younger ones than a
    /// day may be about to get theirs.
    func removeOrphans(_ context: JobContext) async throws {
        for file in try await files.files(under: Self.folder) {
            guard let name = file.name.split(separator: "/").last?.split(separator: ".").first,
                let id = ID<ExperimentArchive>(String(name)), let created = id.createdAt,
                created < runtime.now() - .days(1)
            else { continue }
            try context.checkCancellation()
            if try await database.read({ try $0.experimentArchive(id) == nil }) {
                try await files.remove(Self.file(id))
            }
        }
    }

    /// - Returns: the size of the file.
    private func write(_ experiments: [Experiment], to key: FileStore.Key) async throws -> Int64 {
        var rest = experiments[...]
        return try await files.write(key, at: 0) {
            let part = rest.prefix(500)
            rest = rest.dropFirst(part.count)
            guard !part.isEmpty else { return nil }
            return try part.flatMap { try Array(buffer: ExperimentView($0).encoded()) + [UInt8(ascii: "\n")] }
        }
    }

    private static let folder = FileStore.Key("sandbox", "experiments")

    static func file(_ id: ID<ExperimentArchive>) -> FileStore.Key {
        FileStore.Key("sandbox", "experiments", "\(id).ndjson")
    }
}

extension ID {
    /// The timestamp of a UUIDv7: its first 48 bits are milliseconds since 1970 (RFC 9562, section 5.7).
    fileprivate var createdAt: Instant? {
        Int64(text.prefix(13).filter { $0 != "-" }, radix: 16).map { Instant(microseconds: $0 * 1_000) }
    }
}
