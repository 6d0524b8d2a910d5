import Foundation
import GRDBSQLite
import Modules
import TestKit

/// Recorded statements, prepared once and repeated through SQLite's C interface: the baseline of the layers.
struct BarePairs {
    let path: String
    let pairs: [RecordedPair]
    /// Reservations or commits a transaction.
    let batch: Int

    /// - Returns: pairs a second.
    func rate(seconds: Double) throws -> Double {
        var connection: OpaquePointer?
        guard sqlite3_open(path, &connection) == SQLITE_OK else { throw CocoaError(.fileReadUnknown) }
        defer { sqlite3_close(connection) }
        try run(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON",
            connection)
        var prepared: [String: OpaquePointer] = [:]
        defer { for statement in prepared.values { sqlite3_finalize(statement) } }
        for text in Set(pairs.flatMap { ($0.reserve + $0.commit).map(\.text) }) {
            var statement: OpaquePointer?
            guard sqlite3_prepare_v2(connection, text, -1, &statement, nil) == SQLITE_OK, let statement else {
                throw CocoaError(.fileReadCorruptFile)
            }
            prepared[text] = statement
        }
        let start = ContinuousClock.now
        var count = 0
        while ContinuousClock.now - start < .seconds(seconds) {
            let names = (0..<batch).map { _ in
                (
                    id: Runtime.system.id(of: RecordedPair.self).text,
                    operation: Runtime.system.id(of: RecordedPair.self).text
                )
            }
            for part in [\RecordedPair.reserve, \RecordedPair.commit] {
                try run("BEGIN IMMEDIATE", connection)
                for (index, name) in names.enumerated() {
                    let pair = pairs[(count + index) % pairs.count]
                    for statement in pair[keyPath: part] {
                        guard let handle = prepared[statement.text] else { continue }
                        try step(handle, statement.values, pair, name)
                    }
                }
                try run("COMMIT", connection)
            }
            count += batch
        }
        return Double(count) / (ContinuousClock.now - start).inSeconds
    }

    private func step(
        _ handle: OpaquePointer, _ values: [SQL.Value], _ pair: RecordedPair, _ name: (id: String, operation: String)
    ) throws {
        // SQLITE_TRANSIENT: the text is copied.
        let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        for (index, value) in values.enumerated() {
            let position = Int32(index + 1)
            switch value {
            case .null: sqlite3_bind_null(handle, position)
            case .integer(let number): sqlite3_bind_int64(handle, position, number)
            case .real(let number): sqlite3_bind_double(handle, position, number)
            case .text(let text):
                sqlite3_bind_text(
                    handle, position, text == pair.id ? name.id : text == pair.operation ? name.operation : text, -1,
                    copied)
            }
        }
        var code = sqlite3_step(handle)
        while code == SQLITE_ROW { code = sqlite3_step(handle) }
        guard code == SQLITE_DONE else { throw CocoaError(.fileWriteUnknown) }
        sqlite3_reset(handle)
    }

    private func run(_ text: String, _ connection: OpaquePointer?) throws {
        guard sqlite3_exec(connection, text, nil, nil, nil) == SQLITE_OK else { throw CocoaError(.fileWriteUnknown) }
    }
}
