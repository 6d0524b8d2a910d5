import CPostgres
import Glibc
import Storage

/// A statement's result, owned by libpq.
final class PostgresResult {
    /// The error code for a prepared statement whose plan is invalid because a table has changed.
    static let stalePlan = "0A000 cached plan"

    private let result: OpaquePointer

    /// - Throws: the error that the result holds.
    init(_ result: OpaquePointer?, of connection: OpaquePointer) throws(StorageError) {
        guard let result else { throw Self.error(nil, of: connection) }
        guard [PGRES_TUPLES_OK, PGRES_COMMAND_OK].contains(PQresultStatus(result)) else {
            let error = Self.error(result, of: connection)
            PQclear(result)
            throw error
        }
        self.result = result
    }

    deinit { PQclear(result) }

    /// The command's tag, such as `COMMIT`.
    var command: String { String(cString: PQcmdStatus(result)) }

    /// The rows that the statement inserted, updated or deleted. A SELECT's tag counts its rows, and it changed none.
    var changes: Int { command.hasPrefix("SELECT") ? 0 : Int(String(cString: PQcmdTuples(result))) ?? 0 }

    var columns: Row.Columns { Row.Columns((0..<PQnfields(result)).map { String(cString: PQfname(result, $0)) }) }

    func text(row: Int32, column: Int32) -> String? {
        guard row < PQntuples(result), column < PQnfields(result), PQgetisnull(result, row, column) == 0 else {
            return nil
        }
        return String(cString: PQgetvalue(result, row, column))
    }

    func rows(_ columns: Row.Columns) -> [Row] {
        let fields = PQnfields(result)
        let types = (0..<fields).map { PQftype(result, $0) }
        return (0..<PQntuples(result)).map { row in
            Row(columns: columns, values: (0..<fields).map { value(row, $0, types[Int($0)]) })
        }
    }

    private func value(_ row: Int32, _ column: Int32, _ type: Oid) -> SQL.Value {
        guard PQgetisnull(result, row, column) == 0, let bytes = PQgetvalue(result, row, column) else { return .null }
        let buffer = UnsafeRawBufferPointer(start: bytes, count: Int(PQgetlength(result, row, column)))
        return switch type {
        // bool
        case 16: .integer(buffer.first == UInt8(ascii: "t") ? 1 : 0)
        // int8, int2, int4, oid
        case 20, 21, 23, 26: .integer(Int64(strtoll(bytes, nil, 10)))
        // float4, float8
        case 700, 701: .real(strtod(bytes, nil))
        // numeric, the type of a SUM of bigint
        case 1700: Self.number(String(decoding: buffer, as: UTF8.self))
        default: .text(String(decoding: buffer, as: UTF8.self))
        }
    }

    /// An integer where the number is whole and fits 64 bits, like SQLite; else the nearest floating-point number.
    private static func number(_ text: String) -> SQL.Value {
        let parts = text.split(separator: ".", maxSplits: 1)
        if let whole = parts.first.flatMap({ Int64($0) }), parts.count == 1 || parts[1].allSatisfy({ $0 == "0" }) {
            return .integer(whole)
        }
        return .real(strtod(text, nil))
    }

    private static func error(_ result: OpaquePointer?, of connection: OpaquePointer) -> StorageError {
        // Swift does not import the constants PG_DIAG_SQLSTATE (C), _SOURCE_FUNCTION (R) and _MESSAGE_PRIMARY (M).
        func field(_ name: Unicode.Scalar) -> String? {
            PQresultErrorField(result, Int32(name.value)).map { String(cString: $0) }
        }
        let state = field("C"), function = field("R"), primary = field("M")
        let message = primary ?? String(cString: PQerrorMessage(connection)).trimmed
        // A broken connection takes precedence over the server's last error.
        if PQstatus(connection) != CONNECTION_OK {
            return StorageError(.connectionLost, code: state ?? "08006", message: message)
        }
        if state == "0A000", function == "RevalidateCachedQuery" {
            return StorageError(.other, code: stalePlan, message: message)
        }
        return StorageError(StorageError.Kind(state: state ?? ""), code: state ?? "", message: message)
    }
}

extension StorageError.Kind {
    /// By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
    init(state: String) {
        self =
            switch state {
            case "23505", "23P01": .duplicate
            case "23503", "23001": .reference
            case "23502", "23514": .check
            // Serialization failure, deadlock, and lock_timeout.
            case "40001", "40P01", "55P03": .serialization
            case "57014": .cancelled
            case "53100": .full
            case "53200", "53300": .overloaded
            case "57P01", "57P02", "57P03", "57P05", "25P03": .connectionLost
            default: state.hasPrefix("08") ? .connectionLost : .other
            }
    }
}

extension String {
    /// Without the line breaks of libpq's messages.
    var trimmed: String { split(whereSeparator: \.isNewline).joined(separator: " ") }
}
