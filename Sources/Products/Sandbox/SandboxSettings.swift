import Modules
package import SpotDecisions

/// What an installation decides about sandbox sessions and experiments.
package struct SandboxSettings: Sendable {
    package var thresholds: DecisionThresholds
    /// Whether `POST /v1/evaluate` is about a workload on a cluster, which may run in any pool that fits; otherwise it
    /// is about one instance.
    package var decidesForClusters: Bool
    /// Whether the log of a session needs, besides its id, the credential of its owner.
    package var logsRequireToken: Bool
    /// Between two searches for sessions whose time is over.
    package var expiryInterval: Duration
    /// Between two counts of the active sessions.
    package var countInterval: Duration
    /// When experiment logs are archived: a cron expression in UTC.
    package var archiveCron: String

    package init(
        thresholds: DecisionThresholds = DecisionThresholds(),
        decidesForClusters: Bool = false,
        logsRequireToken: Bool = false,
        expiryInterval: Duration = .minutes(5),
        countInterval: Duration = .minutes(10),
        archiveCron: String = "0 2 * * *"
    ) {
        self.thresholds = thresholds
        self.decidesForClusters = decidesForClusters
        self.logsRequireToken = logsRequireToken
        self.expiryInterval = expiryInterval
        self.countInterval = countInterval
        self.archiveCron = archiveCron
    }
}
