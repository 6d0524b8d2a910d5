import Base
import CPostgres
import Glibc
import Storage

/// A session of libpq. Every method blocks; it is used by one thread at a time.
final class PostgresSession {
    /// How long a statement may run unless it is set, before the server cancels it.
    static let defaultStatementTimeout = Duration.seconds(30)
    /// How long a statement waits for a lock.
    static let lockTimeoutMilliseconds = 5_000
    /// The server ends a session that is idle in a transaction for this long, because it holds locks.
    static let idleInTransactionMilliseconds = 60_000
    static let connectTimeoutSeconds = 5
    /// Statements that a session keeps prepared; the least recently used one is deallocated first.
    static let preparedMax = 512
    /// "gatehous" in ASCII: the advisory lock of migrations.
    static let migrationLock: Int64 = 0x6761_7465_686F_7573

    /// A prepared statement keeps the plan of its first executions until the table is analysed. A plan that was made
    /// while a table was small reads the whole table, and the table may have grown a thousandfold within minutes. What
    /// writes finds its rows by index, so these plans are ruled out wherever there is an index. Where there is none,
    /// such a plan counts as costlier than any other, so sessions do without the compilation of costly plans.
    static let planSettings = ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"]
        .map { "set_config('\($0)', 'off', true)" }.joined(separator: ", ")

    let canceller: Canceller
    /// Identifies the server between two crashes; nil where it is unknown.
    private(set) var incarnation: String?
    /// The error of the first failed statement of the current transaction.
    private(set) var failure: StorageError?
    var effects = CommitEffects()

    private let connection: OpaquePointer
    private let interruption: PostgresInterruption
    private let statementTimeout: Duration
    /// Whether a deadline or an error of the exchange has made the session unusable.
    private var isCut = false
    private var prepared: [StatementKey: PreparedStatement] = [:]
    private var preparations = 0
    private var uses = 0
    private var keepsPrepared = true

    /// The transaction's id and the database's time.
    struct Beginning {
        let number: PostgresTransactionNumber
        let now: Instant
    }

    /// Whether libpq can parse this as a connection string.
    static func canParse(_ url: String) -> Bool {
        guard let options = PQconninfoParse(url, nil) else { return false }
        PQconninfoFree(options)
        return true
    }

    /// Connects and sets the session's parameters.
    /// - Parameters:
    ///   - statementTimeout: of the server for each statement; this process waits a little longer.
    ///   - interruption: ends every wait.
    init(
        url: String, statementTimeout: Duration = PostgresSession.defaultStatementTimeout,
        interruption: PostgresInterruption = PostgresInterruption()
    ) throws(StorageError) {
        let connection = Self.connect([
            // libpq expands a connection string in `dbname`; later parameters override it.
            ("dbname", url), ("client_encoding", "UTF8"), ("fallback_application_name", "gatehouse"),
            // An unreachable peer is detected within about 25 s, and within 10 s while data is unacknowledged.
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
                message: message.isEmpty ? "no response within \(Self.connectTimeoutSeconds) s" : message)
        }
        self.connection = connection
        self.interruption = interruption
        self.statementTimeout = statementTimeout
        canceller = Canceller(handle)
        PQsetnonblocking(connection, 1)
        try execute(
            """
            SET TIME ZONE 'UTC'; SET datestyle = 'ISO'; SET extra_float_digits = 1;
            SET standard_conforming_strings = on; SET jit = off;
            SET statement_timeout = \(statementTimeout.microseconds / 1_000);
            SET lock_timeout = \(Self.lockTimeoutMilliseconds);
            SET idle_in_transaction_session_timeout = \(Self.idleInTransactionMilliseconds);
            SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
            """
        )
        // A crash resets the statistics, a clean restart keeps them, another server has others; every role may read
        // this.
        incarnation = try query("SELECT pg_stat_get_bgwriter_stat_reset_time()::text")
    }

    deinit { PQfinish(connection) }

    var isLost: Bool { isCut || PQstatus(connection) != CONNECTION_OK }
    /// Connected and outside of a transaction.
    var isIdle: Bool { !isLost && PQtransactionStatus(connection) == PQTRANS_IDLE }

    /// Begins a transaction, and reads its id and the time, in one round trip.
    func begin(_ mode: PostgresTransactionMode) throws(StorageError) -> Beginning {
        failure = nil
        effects = CommitEffects()
        keepsPrepared = mode != .migrate
        let time = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
        let opening =
            switch mode {
            // A read takes no transaction id: ids are limited, and a read has no outcome. The SELECT takes its
            // snapshot.
            case .read: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT ''::text, \(time)"
            case .write:
                """
                BEGIN ISOLATION LEVEL READ COMMITTED;
                SELECT pg_current_xact_id()::text, \(time), \(Self.planSettings)
                """
            // Migrations have no timeout. READ COMMITTED: after waiting for the lock, a migration reads what the
            // previous holder committed.
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
                .other, code: "begin", message: "PostgreSQL returned no time at the beginning of a transaction")
        }
        return Beginning(
            number: PostgresTransactionNumber(number: number, incarnation: incarnation),
            now: Instant(microseconds: time))
    }

    /// - Throws: `connectionLost` when there was no response, so that the outcome is unknown; after any other error the
    ///   transaction is rolled back.
    func commit() throws(StorageError) {
        let result = try execute("COMMIT")
        // At the COMMIT of a failed transaction PostgreSQL rolls back and reports no error.
        guard result.command == "COMMIT" else {
            throw failure
                ?? StorageError(
                    .other, code: "25P02", message: "PostgreSQL rolled the transaction back instead of committing it")
        }
    }

    /// Rolls back an open transaction. When this fails the session is not idle and its owner closes it.
    func rollBack() {
        guard !isLost, PQtransactionStatus(connection) != PQTRANS_IDLE else { return }
        _ = try? execute("ROLLBACK")
    }

    /// The outcome of a transaction whose session broke during COMMIT.
    ///
    /// After a crash PostgreSQL assigns again the ids of transactions that had not reached its WAL, so "committed" may
    /// refer to another transaction. Other statuses are reliable: a committed transaction has no other status.
    func outcome(of transaction: PostgresTransactionNumber) throws(StorageError) -> PostgresTransactionOutcome {
        let status: String?
        do throws(StorageError) {
            status = try query("SELECT pg_xact_status('\(transaction.number)'::xid8)")
        } catch {
            // "Transaction ID is in the future": the id has not been assigned since the crash.
            guard error.code == "22023" else { throw error }
            return .aborted
        }
        switch status {
        case "committed":
            return transaction.incarnation != nil && transaction.incarnation == incarnation ? .committed : .unknowable
        case "aborted": return .aborted
        case "in progress": return .inProgress
        default: return .unknowable
        }
    }

    /// - Parameter text: trusted SQL.
    /// - Returns: the first column of the first row.
    @discardableResult
    func query(_ text: String) throws(StorageError) -> String? {
        try execute(text).text(row: 0, column: 0)
    }

    /// - Parameters:
    ///   - text: trusted SQL with the placeholder `$1`.
    ///   - value: bound as text.
    func execute(_ text: String, value: String) throws(StorageError) { _ = try runOnce(text, [.text(value)]) }

    /// Shuts the socket down, like a network failure. For tests.
    func disconnect() { shutdown(PQsocket(connection), Int32(SHUT_RDWR)) }

    /// For `poll(2)`; -1 when the session is closed.
    var socket: Int32 { PQsocket(connection) }
    var processID: Int32 { PQbackendPID(connection) }

    /// Takes the notifications (LISTEN) that have arrived. Does not wait for any.
    func notifications() throws(StorageError) -> [(sender: Int32, payload: String)] {
        guard PQconsumeInput(connection) == 1, !isLost else {
            throw StorageError(
                .connectionLost, code: "08006", message: String(cString: PQerrorMessage(connection)).trimmed)
        }
        var received: [(sender: Int32, payload: String)] = []
        while let notification = PQnotifies(connection) {
            received.append((notification.pointee.be_pid, String(cString: notification.pointee.extra)))
            PQfreemem(notification)
        }
        return received
    }

    /// Runs trusted SQL without values by the simple protocol, which takes several statements at once.
    @discardableResult
    private func execute(_ text: String) throws(StorageError) -> PostgresResult {
        try result { PQsendQuery(connection, text) }
    }

    /// - Parameter send: queues one statement.
    private func result(of send: () -> Int32) throws(StorageError) -> PostgresResult {
        let exchange = PostgresExchange(
            connection: connection, interruption: interruption, limit: keepsPrepared ? statementTimeout : nil)
        let answer: OpaquePointer?
        do throws(StorageError) {
            answer = try exchange.result(of: send)
        } catch {
            isCut = true
            throw error
        }
        return try PostgresResult(answer, of: connection)
    }
}

extension PostgresSession: TransactionEngine {
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
        if let cached = prepared[key] { statement = cached } else { statement = try prepare(key) }
        uses += 1
        statement.lastUse = uses
        let result: PostgresResult
        do throws(StorageError) {
            result = try self.result {
                values.withParameters { pointers in
                    PQsendQueryPrepared(connection, statement.name, Int32(values.count), pointers, nil, nil, 0)
                }
            }
        } catch {
            // A table of the statement's plan has changed. The retry prepares it again.
            guard error.code == PostgresResult.stalePlan else { throw error }
            prepared[key] = nil
            throw StorageError(.serialization, code: error.code, message: error.message)
        }
        if statement.columns == nil { statement.columns = result.columns }
        return (result.rows(statement.columns ?? result.columns), result.changes)
    }

    private func runOnce(_ text: String, _ values: [SQL.Value]) throws(StorageError) -> (rows: [Row], changes: Int) {
        let types = values.map(\.type)
        let result = try result {
            values.withParameters { pointers in
                PQsendQueryParams(connection, text, Int32(values.count), types, pointers, nil, nil, 0)
            }
        }
        return (result.rows(result.columns), result.changes)
    }

    private func prepare(_ key: StatementKey) throws(StorageError) -> PreparedStatement {
        if prepared.count >= Self.preparedMax, let oldest = prepared.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            prepared[oldest.key] = nil
            try execute("DEALLOCATE \(oldest.value.name)")
        }
        preparations += 1
        let statement = PreparedStatement(name: "s\(preparations)")
        _ = try result { PQsendPrepare(connection, statement.name, key.text, Int32(key.types.count), key.types) }
        prepared[key] = statement
        return statement
    }
}

extension PostgresSession {
    /// The same text with other value types is another prepared statement.
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

    /// Asks the server to cancel the session's statement, from any thread.
    ///
    /// `@unchecked`: a `PGcancel` is immutable, and libpq allows every thread to use it.
    final class Canceller: @unchecked Sendable {
        private let handle: OpaquePointer

        init(_ handle: OpaquePointer) { self.handle = handle }
        deinit { PQfreeCancel(handle) }

        func cancel() {
            var message = [CChar](repeating: 0, count: 256)
            // When the request fails, the statement's own timeout applies.
            _ = PQcancel(handle, &message, Int32(message.count))
        }
    }

    /// Connects in steps, so that a notice processor is set from the start: without one, libpq prints the notices of a
    /// server that shuts down to stderr.
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
    /// The OID of the value's type; 0 lets the server infer it, because NULL has any type.
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
    /// The values in libpq's form: pointers to NUL-terminated texts in one buffer; nil is NULL.
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
                // Swift prints the shortest text that parses to the same number.
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
