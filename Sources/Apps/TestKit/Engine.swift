import Foundation

/// The engines that tests run on: SQLite always, PostgreSQL where `GATEHOUSE_TEST_POSTGRES` holds the URL of a server
/// whose user may create databases, such as `postgresql://gatehouse@127.0.0.1:54329/postgres`.
package enum Engine: String, CaseIterable, Sendable {
    case sqlite, postgres

    package static var available: [Engine] { postgresAddress == nil ? [.sqlite] : allCases }

    static var postgresAddress: String? {
        ProcessInfo.processInfo.environment["GATEHOUSE_TEST_POSTGRES"].flatMap { $0.isEmpty ? nil : $0 }
    }
}
