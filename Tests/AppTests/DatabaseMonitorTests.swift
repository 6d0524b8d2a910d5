import Base
import Modules
import Synchronization
import TestKit
import Testing

@testable import App

/// What the checks of the database report while a process runs.
@Suite struct DatabaseMonitorTests {
    @Test func `a WAL beyond 256 MiB is warned of once, until it was shorter`() async throws {
        let gauge = LogGauge()
        try await withTestApp(.sqlite, databaseWrapper: { MeasuredDatabase(base: $0, gauge: gauge) }) { app in
            func warnings() -> [String] { app.log.lines.filter { $0.contains("the WAL is long") } }
            for (size, count) in [
                (DatabaseMonitor.logBytesMax, 0), (DatabaseMonitor.logBytesMax + 1, 1),
                (DatabaseMonitor.logBytesMax * 4, 1), (0, 1), (DatabaseMonitor.logBytesMax * 2, 2),
            ] {
                gauge.set(size)
                try app.app.monitor.check()
                #expect(warnings().count == count, "\(size)")
            }
            #expect(warnings().last?.contains("\(Int(DatabaseMonitor.logBytesMax * 2))") == true)
            let metrics = await app.call("GET", "/metrics").text
            #expect(metrics.contains("gatehouse_database_sqlite_wal_bytes 536870912\n"), "\(metrics)")
        }
    }

    @Test func `a database that is found damaged ends the process with a line that says so`() async throws {
        let isDamaged = Flag()
        try await withTestApp(.sqlite, databaseWrapper: { DamagedDatabase(base: $0, isDamaged: isDamaged) }) { app in
            try app.app.monitor.check()
            #expect(await app.call("GET", "/ready").status == 200)
            isDamaged.isSet = true
            #expect(throws: Problem.self) { try app.app.monitor.check() }
            #expect(app.log.lines.contains { $0.contains("the database file is damaged: the process ends") })
            #expect(await app.call("GET", "/ready").status == 503)
        }
    }
}

/// A database whose check reports damage when a test says so.
private struct DamagedDatabase: DatabaseWrapper {
    let base: any Database
    let isDamaged: Flag

    func checkFile() throws(Problem) {
        guard isDamaged.isSet else { return }
        throw StorageError(.damaged, code: "11", message: "malformed").problem
    }
}

private final class LogGauge: Sendable {
    private let bytes = Mutex(0.0)

    var value: Double { bytes.withLock { $0 } }
    func set(_ value: Double) { bytes.withLock { $0 = value } }
}

/// A database whose WAL has the size that a test sets.
private struct MeasuredDatabase: DatabaseWrapper {
    let base: any Database
    let gauge: LogGauge

    var gauges: [String: Double] { base.gauges.merging(["sqlite_wal_bytes": gauge.value]) { $1 } }
}
