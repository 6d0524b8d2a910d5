package import Identity
package import Modules
package import Sandbox

/// Dependencies that tests and measurements replace.
package struct AppDependencies: Sendable {
    package var runtime: Runtime
    /// The time of transactions; nil for the clock of the database.
    package var clock: (@Sendable () -> Instant)?
    package var logOutput: LogOutput
    /// Wraps the database, for tests that make statements fail.
    package var databaseWrapper: @Sendable (any Database) -> any Database
    /// Migrations after those of this version, for tests of a later one.
    package var laterMigrations: [Migration] = []
    /// Replaces the configured password hasher, for measurements.
    package var passwords: PasswordHasher?
    /// Replaces the risk model, for tests whose decisions must not depend on it.
    package var riskScorer: RiskScorer?
    /// The path of bubblewrap, in which commands of workflows run.
    package var bubblewrap = "/usr/bin/bwrap"
    /// Where the load of the machine is read.
    package var processFolder = "/proc"
    /// Waits between attempts at requests to the payment provider and to language models; nil for the time of the
    /// machine.
    package var providerPause: (@Sendable (Duration) async throws -> Void)?

    package init(
        runtime: Runtime = .system,
        clock: (@Sendable () -> Instant)? = nil,
        logOutput: LogOutput = .standard,
        databaseWrapper: @escaping @Sendable (any Database) -> any Database = { $0 }
    ) {
        self.runtime = runtime
        self.clock = clock
        self.logOutput = logOutput
        self.databaseWrapper = databaseWrapper
    }
}
