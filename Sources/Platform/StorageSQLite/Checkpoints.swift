import GRDB
import GRDBSQLite
import Synchronization

/// Copies the WAL into the database file beside the writer, on a connection of its own. SQLite's own checkpoints run
/// inside of a commit, which every waiting write then waits for.
///
/// A pass copies what the WAL holds when it begins, and writes go on meanwhile. SQLite starts the WAL anew only when
/// all of it is copied, so the writer copies the short rest between two groups.
final class Checkpoints: Sendable {
    /// A pass begins when the WAL has this many frames (pages of 4 KiB) more than at the last one. Fewer frames would
    /// write pages that change often more often.
    static let framesPerPass = 4_000

    private struct State {
        /// Frames of the WAL after the last commit.
        var frames = 0
        /// Frames when the last pass began.
        var framesAtPass = 0
        var isRunning = false
        /// The last pass has copied enough for the writer to copy the rest.
        var isNearlyDone = false
        var passes = 0
    }

    private let connection: DatabaseQueue
    private let framesPerPass: Int
    private let state = Mutex(State())

    /// Opens the connection: later the path may be that of another file.
    init(path: String, framesPerPass: Int) throws {
        var configuration = Configuration()
        configuration.label = "gatehouse-checkpoints"
        configuration.busyMode = .timeout(SQLiteFile.busyTimeoutSeconds)
        connection = try DatabaseQueue(path: path, configuration: configuration)
        self.framesPerPass = framesPerPass
        try connection.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
    }

    /// The passes so far.
    var passes: Int { state.withLock { $0.passes } }

    /// Replaces SQLite's checkpoints inside of the commits of a connection. It must not commit after this instance is
    /// gone.
    func watch(_ writer: GRDB.Database) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_wal_hook(
            writer.sqliteConnection,
            { context, _, _, frames in
                if let context {
                    Unmanaged<Checkpoints>.fromOpaque(context).takeUnretainedValue().note(frames: Int(frames))
                }
                return SQLITE_OK
            }, context)
    }

    /// Called by the writer between two groups: begins a pass that is due, and finishes one.
    func advance(on writer: GRDB.Database) {
        let (begins, finishes) = state.withLock { state in
            let begins = !state.isRunning && state.frames >= state.framesAtPass + framesPerPass
            let finishes = !state.isRunning && state.isNearlyDone
            if begins { (state.isRunning, state.framesAtPass) = (true, state.frames) }
            if finishes { state.isNearlyDone = false }
            return (begins, finishes)
        }
        if begins {
            connection.asyncWriteWithoutTransaction { connection in
                let copied = Self.copy(on: connection)
                self.state.withLock { state in
                    state.isRunning = false
                    state.isNearlyDone = copied > 0 && state.frames - copied < self.framesPerPass
                    state.passes += 1
                }
            }
        } else if finishes {
            _ = Self.copy(on: writer)
        }
    }

    /// Ends a running pass, and the connection.
    func close() { try? connection.close() }

    private func note(frames: Int) {
        state.withLock { state in
            // Fewer frames: the WAL was started anew.
            if frames < state.frames { (state.framesAtPass, state.isNearlyDone) = (0, false) }
            state.frames = frames
        }
    }

    /// Copies as much as can be copied without waiting for a reader or a writer.
    /// - Returns: the frames of the WAL that are copied now; 0 where another pass is running.
    private static func copy(on connection: GRDB.Database) -> Int {
        (try? connection.checkpoint(.passive).checkpointedFrameCount) ?? 0
    }
}
