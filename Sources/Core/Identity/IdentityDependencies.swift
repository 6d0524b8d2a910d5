import Audit
import Mail
import Modules
import Secrets

/// What the services of identity are built from.
final class IdentityDependencies: Sendable {
    let database: any Database
    let auditTrail: AuditModule
    /// Records events.
    var audit: AuditService { auditTrail.service }
    let mailer: Mailer
    let sealer: Sealer
    let settings: IdentitySettings
    let hasher: PasswordHasher
    let events = IdentityEvents()
    let logger: Logger
    let runtime: Runtime

    init(
        database: any Database, auditTrail: AuditModule, mailer: Mailer, sealer: Sealer, settings: IdentitySettings,
        hasher: PasswordHasher, logger: Logger, runtime: Runtime
    ) {
        self.database = database
        self.auditTrail = auditTrail
        self.mailer = mailer
        self.sealer = sealer
        self.settings = settings
        self.hasher = hasher
        self.logger = logger
        self.runtime = runtime
    }
}
