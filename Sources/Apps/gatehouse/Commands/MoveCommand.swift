import App
import ArgumentParser
import Audit
import Foundation
import Modules
import Synchronization

struct MoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "move",
        abstract: "Move the installation from SQLite to PostgreSQL.",
        discussion: """
            Every row of the configured SQLite database is copied to an empty PostgreSQL database, in one transaction, \
            and compared: by count, and by a digest of each table's values in the order of its key. Where anything \
            fails or differs, the target stays empty. Afterwards the target is verified as by `gatehouse verify` and \
            `gatehouse audit verify`.

            Stop every process of the installation first: a database that another process has open is refused. The \
            rows of the SQLite file are only read; its write-ahead log may be copied into it. Files and keys stay in \
            the data folder; nodes on other machines need the same SECRET_KEY (or secret.key) and files.

            Other users can see a password in the arguments of a process: leave it to ~/.pgpass or PGPASSWORD.

            EXIT STATUS
              0   moved and verified
              1   failed: the message says whether anything was moved
              2   the configuration cannot be used, or the database is missing or of a newer version

            EXAMPLES
              gatehouse move --to postgresql://gatehouse@db/gatehouse
              gatehouse move --database sqlite:/srv/gatehouse.db --to postgresql://gatehouse@db/gatehouse
            """
    )

    @Option(help: ArgumentHelp("The empty database that gets the rows.", valueName: "postgresql://…"))
    var to: String

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let source = try await installation.load()
        guard to.hasPrefix("postgresql://") || to.hasPrefix("postgres://") else {
            throw Failure("--to: begins with postgresql://", status: Failure.unusable)
        }
        var target = try await installation.load(["DATABASE_URL": to])
        // The log of a start is of no use to a command; errors are.
        target.logLevel = max(target.logLevel, .error)
        if let path = source.sqlitePath, !FileManager.default.fileExists(atPath: path) {
            throw Failure("There is no database at \(path).", status: Failure.unusable)
        }
        let (lines, move) = (MoveLines(), MoveService(source, to: target))
        let outcome = try await move.move { lines.show($0) }
        Terminal.print(
            "Moved \(outcome.rows) rows of \(outcome.tables) tables from \(source.databaseDescription) to "
                + "\(target.databaseDescription): counts and digests of every table agree.")
        if !outcome.leftTables.isEmpty {
            Terminal.print(
                "Not moved, because they are not of gatehouse: \(outcome.leftTables.joined(separator: ", "))")
        }
        let verification = try await move.verify()
        guard verification.isSound else {
            let findings = verification.faults + verification.audit.findings.map { "\($0)" }
            throw Failure(
                "The rows were moved as they are, but verification fails. `gatehouse verify` and `gatehouse audit "
                    + "verify` find the same in the source:\n"
                    + findings.prefix(20).map { "  \($0)" }.joined(separator: "\n"))
        }
        Terminal.print(
            "Verified: \(allInvariants.count) invariants hold, and so does the audit trail of "
                + "\(verification.audit.rows) rows.")
        Terminal.print(
            """

            Set DATABASE_URL=\(Setting.redacted(target.databaseURL)) and start the server. The data folder \
            \(target.dataFolder) stays in use: it has the files and keys. The rows of the SQLite file \
            were not changed; remove it when the new database has its first backup.
            """)
    }
}

/// Lines on standard error about a move: one a table that has rows, and one every few seconds for a large table.
private final class MoveLines: Sendable {
    private static let interval = Duration.seconds(5)

    private let last = Mutex(ContinuousClock.now)

    func show(_ progress: MoveProgress) {
        let isDone = progress.isDone && progress.step == .comparing
        let isDue = last.withLock { last in
            guard isDone || .now - last >= Self.interval else { return false }
            last = .now
            return true
        }
        guard isDue else { return }
        let rows =
            isDone ? "\(progress.total) rows" : "\(progress.rows) of \(progress.total) rows \(progress.step.name)"
        Terminal.printError("\(progress.table): \(rows)")
    }
}

extension MoveProgress.Step {
    fileprivate var name: String {
        switch self {
        case .copying: "copied"
        case .comparing: "compared"
        }
    }
}
