import Base
import CPostgres
import Glibc
import Storage

/// An open connection of libpq. Every call blocks; it belongs to one ``PostgresConnection`` and its executor.
final class PostgresLink {
    /// How long a statement may run, and wait for a lock, before the server stops it.
    static let statementTimeoutMilliseconds = 30_000
    static let lockTimeoutMilliseconds = 5_000
    /// The server ends a transaction whose client went silent in the middle of it: its locks would stand in everybody's way.
    static let silenceMaxMilliseconds = 60_000
    static let connectTimeoutSeconds = 5
    /// How many statements a connection keeps prepared; the one unused for longest goes first.
    static let preparedMax = 512
    /// "gatehous" in ASCII: who migrates holds this advisory lock.
    static let migrationLock: Int64 = 0x6761_7465_686F_7573

    let canceller: Canceller
    /// Names the server's life from one crash to the next; nil where the server does not tell.
    private(set) var life: String?
    /// Why the first failed statement of the present transaction was refused.
    private(set) var failure: StorageError?

    private let connection: OpaquePointer
    private var prepared: [StatementKey: PreparedStatement] = [:]
    private var preparations = 0
    private var uses = 0
    private var keepsPrepared = true

    /// What BEGIN answered with: the transaction's number and the database's time.
    struct Beginning {
        let number: PostgresTransactionNumber
        let now: Instant
    }

    /// Whether libpq can read this as a connection string.
    static func understands(_ url: String) -> Bool {
        guard let options = PQconninfoParse(url, nil) else { return false }
        PQconninfoFree(options)
        return true
    }

    /// Connects and settles what a session must be like.
    init(url: String) throws(StorageError) {
        let connection = Self.connect([
            // libpq expands a connection string that stands in the place of a database's name; what follows overrides it.
            ("dbname", url), ("client_encoding", "UTF8"), ("fallback_application_name", "gatehouse"),
            // A peer that vanished without a word is noticed within about 25 s, and within 10 s while something is being sent.
            ("keepalives", "1"), ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "10000"),
        ])
        guard let connection else {
            throw StorageError(.connectionLost, code: "08001", message: "libpq has no memory for a connection")
        }
        guard PQstatus(connection) == CONNECTION_OK, let handle = PQgetCancel(connection) else {
            let message = String(cString: PQerrorMessage(connection)).trimmed
            PQfinish(connection)
            throw StorageError(
                .connectionLost, code: "08001",
                message: message.isEmpty ? "no answer within \(Self.connectTimeoutSeconds) s" : message)
        }
        self.connection = connection
        canceller = Canceller(handle)
        try execute(
            """
            SET TIME ZONE 'UTC'; SET datestyle = 'ISO'; SET extra_float_digits = 1; SET standard_conforming_strings = on;
            SET statement_timeout = \(Self.statementTimeoutMilliseconds); SET lock_timeout = \(Self.lockTimeoutMilliseconds);
            SET idle_in_transaction_session_timeout = \(Self.silenceMaxMilliseconds);
            SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
            """
        )
        // A crash resets the statistics, a clean restart keeps them, and another server has others; every role may read this.
        life = try ask("SELECT pg_stat_get_bgwriter_stat_reset_time()::text")
    }

    deinit { PQfinish(connection) }

    var isLost: Bool { PQstatus(connection) != CONNECTION_OK }
    /// Between two transactions, and fit for the next one.
    var isIdle: Bool { !isLost && PQtransactionStatus(connection) == PQTRANS_IDLE }

    /// One round trip: the beginning, the transaction's number (for asking after it) and the time.
    func begin(_ mode: PostgresTransactionMode) throws(StorageError) -> Beginning {
        failure = nil
        keepsPrepared = mode != .migrate
        let time = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
        let opening =
            switch mode {
            // A read takes no number: numbers are spent, and a read has no outcome to ask after. The SELECT fixes its snapshot.
            case .read: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT ''::text, \(time)"
            case .write: "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_current_xact_id()::text, \(time)"
            // Migrations take the time they take. READ COMMITTED: whoever waited for the lock sees what was done meanwhile.
            case .migrate:
                """
                BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
                SELECT pg_advisory_xact_lock(\(Self.migrationLock)); SELECT pg_current_xact_id()::text, \(time)
                """
            }
        let result = try execute(opening)
        guard let number = result.text(row: 0, column: 0),
            let time = result.text(row: 0, column: 1).flatMap({ Int64($0) })
        else {
            throw StorageError(
                .other, code: "begin", message: "PostgreSQL did not tell the time at the beginning of a transaction")
        }
        return Beginning(
            number: PostgresTransactionNumber(number: number, life: life), now: Instant(microseconds: time))
    }

    /// - Throws: `connectionLost` when the answer did not come, so that the outcome is open; anything else means that it is rolled back.
    func commit() throws(StorageError) {
        let result = try execute("COMMIT")
        // PostgreSQL answers the COMMIT of a failed transaction by rolling it back, without an error.
        guard result.command == "COMMIT" else {
            throw failure
                ?? StorageError(
                    .other, code: "25P02", message: "PostgreSQL rolled the transaction back instead of committing it")
        }
    }

    /// Ends whatever transaction is open. Where this fails the connection is not idle afterwards, and goes.
    func rollBack() {
        guard !isLost, PQtransactionStatus(connection) != PQTRANS_IDLE else { return }
        _ = try? execute("ROLLBACK")
    }

    /// What became of a transaction that another connection was committing when it broke.
    ///
    /// After a crash PostgreSQL gives numbers out again whose transactions had not reached its log, so "committed" may then speak of
    /// a stranger. Any other answer stands: had ours been committed, that is what its number would say.
    func fate(of transaction: PostgresTransactionNumber) throws(StorageError) -> PostgresTransactionOutcome {
        let status: String?
        do throws(StorageError) {
            status = try ask("SELECT pg_xact_status('\(transaction.number)'::xid8)")
        } catch {
            // "Transaction ID is in the future": the number has not been given out since the crash.
            guard error.code == "22023" else { throw error }
            return .aborted
        }
        switch status {
        case "committed": return transaction.life != nil && transaction.life == life ? .committed : .unknowable
        case "aborted": return .aborted
        case "in progress": return .inProgress
        default: return .unknowable
        }
    }

    /// The first column of the first row of the answer to a trusted text.
    func ask(_ text: String) throws(StorageError) -> String? {
        try execute(text).text(row: 0, column: 0)
    }

    /// Cuts the line, as a network would.
    func breakOff() { shutdown(PQsocket(connection), Int32(SHUT_RDWR)) }

    /// Runs trusted text without values by the simple protocol, which takes several statements at once.
    @discardableResult
    private func execute(_ text: String) throws(StorageError) -> PostgresResult {
        try PostgresResult(PQexec(connection, text), of: connection)
    }
}

extension PostgresLink: TransactionEngine {
    var dialect: SQL.Dialect { .postgres }

    func run(_ text: String, _ values: [SQL.Value]) throws -> (rows: [Row], changes: Int) {
        if let failure { throw failure }
        do throws(StorageError) {
            return try keepsPrepared ? runPrepared(text, values) : runOnce(text, values)
        } catch {
            failure = error
            throw error
        }
    }

    private func runPrepared(_ text: String, _ values: [SQL.Value]) throws(StorageError) -> (rows: [Row], changes: Int)
    {
        let key = StatementKey(text: text, types: values.map(\.type))
        let statement: PreparedStatement
        if let known = prepared[key] { statement = known } else { statement = try prepare(key) }
        uses += 1
        statement.lastUse = uses
        let answer = values.withParameters { pointers in
            PQexecPrepared(connection, statement.name, Int32(values.count), pointers, nil, nil, 0)
        }
        let result: PostgresResult
        do throws(StorageError) {
            result = try PostgresResult(answer, of: connection)
        } catch {
            // The tables have changed under the statement's plan. The next try prepares it anew.
            guard error.code == PostgresResult.stalePlan else { throw error }
            prepared[key] = nil
            throw StorageError(.serialization, code: error.code, message: error.message)
        }
        if statement.columns == nil { statement.columns = result.columns }
        return (result.rows(statement.columns ?? result.columns), result.changes)
    }

    private func runOnce(_ text: String, _ values: [SQL.Value]) throws(StorageError) -> (rows: [Row], changes: Int) {
        let types = values.map(\.type)
        let answer = values.withParameters { pointers in
            PQexecParams(connection, text, Int32(values.count), types, pointers, nil, nil, 0)
        }
        let result = try PostgresResult(answer, of: connection)
        return (result.rows(result.columns), result.changes)
    }

    private func prepare(_ key: StatementKey) throws(StorageError) -> PreparedStatement {
        if prepared.count >= Self.preparedMax, let oldest = prepared.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            prepared[oldest.key] = nil
            try execute("DEALLOCATE \(oldest.value.name)")
        }
        preparations += 1
        let statement = PreparedStatement(name: "s\(preparations)")
        _ = try PostgresResult(
            PQprepare(connection, statement.name, key.text, Int32(key.types.count), key.types), of: connection)
        prepared[key] = statement
        return statement
    }
}

extension PostgresLink {
    /// The same text with other types of values is another statement.
    private struct StatementKey: Hashable {
        let text: String
        let types: [Oid]
    }

    private final class PreparedStatement {
        let name: String
        var columns: Row.Columns?
        var lastUse = 0

        init(name: String) { self.name = name }
    }

    /// Asks the server to stop what the connection runs, from any thread.
    ///
    /// `@unchecked`: a `PGcancel` is never changed after it was made, and libpq lets every thread use it.
    final class Canceller: @unchecked Sendable {
        private let handle: OpaquePointer

        init(_ handle: OpaquePointer) { self.handle = handle }
        deinit { PQfreeCancel(handle) }

        func cancel() {
            var message = [CChar](repeating: 0, count: 256)
            // Where the request fails, the statement's own timeout remains.
            _ = PQcancel(handle, &message, Int32(message.count))
        }
    }

    /// Connects step by step, so that there is a notice processor from the start: without one, libpq prints what a server that goes
    /// down has to say to stderr.
    private static func connect(_ options: [(name: String, value: String)]) -> OpaquePointer? {
        let names = options.map { strdup($0.name) }, values = options.map { strdup($0.value) }
        defer { for text in names + values { free(text) } }
        guard
            let connection = PQconnectStartParams(
                names.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 1)
        else { return nil }
        PQsetNoticeProcessor(connection, { _, _ in }, nil)
        let deadline = ContinuousClock.now + .seconds(connectTimeoutSeconds)
        var step = PGRES_POLLING_WRITING
        while PQstatus(connection) != CONNECTION_BAD, step == PGRES_POLLING_READING || step == PGRES_POLLING_WRITING {
            let remaining = deadline - .now
            guard remaining > .zero else { break }
            var socket = pollfd(
                fd: PQsocket(connection), events: Int16(step == PGRES_POLLING_READING ? POLLIN : POLLOUT), revents: 0)
            if poll(&socket, 1, Int32(remaining.microseconds / 1_000) + 1) > 0 { step = PQconnectPoll(connection) }
        }
        return connection
    }
}

extension SQL.Value {
    /// The OID of the type that the value is sent as; 0 lets the server infer it, as a NULL fits any.
    fileprivate var type: Oid {
        switch self {
        case .null: 0
        case .integer: 20
        case .real: 701
        case .text: 25
        }
    }
}

extension [SQL.Value] {
    /// The values as libpq takes them: a pointer each to text that ends with a zero, all in one buffer; nil is NULL.
    fileprivate func withParameters<Result>(_ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result) -> Result {
        var bytes: [UInt8] = []
        var offsets: [Int?] = []
        offsets.reserveCapacity(count)
        for value in self {
            switch value {
            case .null:
                offsets.append(nil)
                continue
            case .integer(let number):
                offsets.append(bytes.count)
                bytes += String(number).utf8
            case .real(let number):
                // The shortest text that reads back as the same number.
                offsets.append(bytes.count)
                bytes += "\(number)".utf8
            case .text(let text):
                offsets.append(bytes.count)
                bytes += text.utf8
            }
            bytes.append(0)
        }
        return bytes.withUnsafeBytes { buffer in
            let start = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            let pointers = offsets.map { offset in offset.flatMap { start?.advanced(by: $0) } }
            return body(pointers)
        }
    }
}
