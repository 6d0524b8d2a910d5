import Modules

/// Builds the services of tokens and sessions.
final class SessionServices: Sendable {
    let signingKeys: SigningKeyService
    let keys: KeyRing
    let revocations: Revocations
    let tokens: TokenIssuer
    let accountCache = AccountCache()
    let sessions: SessionService
    let devices: DeviceService
    let browserSessions: BrowserSessionService

    /// Creates the signing key at the first start, and reads the keys and the revocations.
    init(_ dependencies: IdentityDependencies) async throws {
        let (database, sealer, audit) = (dependencies.database, dependencies.sealer, dependencies.audit)
        let (settings, logger, runtime) = (dependencies.settings, dependencies.logger, dependencies.runtime)
        signingKeys = SigningKeyService(
            database: database, sealer: sealer, audit: audit, settings: settings, runtime: runtime)
        try await signingKeys.prepare()
        keys = try await KeyRing(database: database, sealer: sealer, runtime: runtime, logger: logger)
        revocations = Revocations(
            database: database, tokenLifetime: settings.tokenLifetimeMax, runtime: runtime, logger: logger)
        try await revocations.synchronize()
        tokens = TokenIssuer(settings: settings, keys: keys, revocations: revocations, runtime: runtime)
        sessions = SessionService(
            database: database, tokens: tokens, revocations: revocations, accountCache: accountCache, sealer: sealer,
            audit: audit, mailer: dependencies.mailer, runtime: runtime)
        devices = DeviceService(database: database, sessions: sessions, audit: audit)
        browserSessions = BrowserSessionService(sessions: sessions, cookie: settings.cookie)
    }
}
