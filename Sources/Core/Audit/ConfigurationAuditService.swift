package import Modules

/// Records which settings differ from those of the previous start.
package final class ConfigurationAuditService: Sendable {
    private let database: any Database
    private let keys: AuditKeys
    private let audit: AuditService

    init(database: any Database, keys: AuditKeys, audit: AuditService) {
        self.database = database
        self.keys = keys
        self.audit = audit
    }

    /// Writes one event with the names of the changed settings. Values are stored as keyed fingerprints only.
    /// - Parameter settings: the text of each given setting, by name.
    package func recordChanges(_ settings: [String: String]) async throws(Problem) {
        try await database.write { [keys, audit] transaction in
            let before = try transaction.settingFingerprints()
            let now = Dictionary(uniqueKeysWithValues: settings.map { ($0, keys.fingerprint(of: $1, named: $0)) })
            let changed = Set(before.keys).union(now.keys).filter { before[$0] != now[$0] }.sorted()
            guard !changed.isEmpty else { return }
            for name in changed {
                if let fingerprint = now[name] {
                    try transaction.upsertSetting(name, fingerprint: fingerprint)
                } else {
                    try transaction.deleteSetting(name)
                }
            }
            let details = ["names": changed.joined(separator: ", ")]
            try audit.record(AuditEvent("configuration.changed", details: details), in: transaction)
        }
    }
}
