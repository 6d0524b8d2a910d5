import Modules
import ServiceLifecycle
import Synchronization

/// Checks the database while the process runs: that its file is in its place and not damaged, how long its WAL is, and
/// how far its clock differs from this node's.
final class DatabaseMonitor: Service {
    /// Between two checks of the file.
    static let interval = Duration.seconds(1)
    /// Checks of the file for each reading of the clock.
    static let checksPerReading = 10
    /// A WAL of this size is logged, once until it is shorter again. SQLite resets it when no reader needs it.
    static let logBytesMax = 256.0 * 1_048_576

    private let database: any Database
    private let clock: ClockMonitor
    private let logger: Logger
    private let hasWarned = Mutex(false)

    init(database: any Database, clock: ClockMonitor, logger: Logger) {
        self.database = database
        self.clock = clock
        self.logger = logger
    }

    /// - Throws: the problem of a database whose file was removed, replaced or damaged, which ends the process.
    func run() async throws {
        try await cancelWhenGracefulShutdown { [self] in
            var checks = 0
            while !Task.isCancelled {
                try check()
                if checks % Self.checksPerReading == 0 { await clock.measure() }
                checks += 1
                do { try await Task.sleep(for: Self.interval) } catch { return }
            }
        }
    }

    /// One check of the file and of the WAL.
    func check() throws(Problem) {
        do throws(Problem) {
            try database.checkFile()
        } catch {
            let cause = error.cause as? StorageError
            let fault: Logger.Message =
                cause?.kind == .damaged
                ? "the database file is damaged: the process ends"
                : "the database file is not in its place: the process ends"
            logger.critical(fault, metadata: ["cause": "\(cause?.message ?? error.title)"])
            throw error
        }
        let bytes = database.gauges["sqlite_wal_bytes"] ?? 0
        let warns = hasWarned.withLock { hasWarned in
            defer { hasWarned = bytes > Self.logBytesMax }
            return bytes > Self.logBytesMax && !hasWarned
        }
        guard warns else { return }
        logger.warning(
            "the WAL is long: a reader keeps it from being reset, perhaps one of another process",
            metadata: ["bytes": .stringConvertible(Int(bytes))])
    }
}
