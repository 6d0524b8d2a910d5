import Modules

/// Builds the services of organisations and API keys.
final class OrganisationServices: Sendable {
    let memberships: MembershipService
    let apiKeyCache: APIKeyCache
    let apiKeys: APIKeyService
    let apiKeyReader: APIKeyReader
    let organisations: OrganisationService
    let invitations: InvitationService

    init(_ dependencies: IdentityDependencies, _ sessions: SessionServices, _ signIn: SignInServices) {
        let (database, audit, runtime) = (dependencies.database, dependencies.audit, dependencies.runtime)
        let settings = dependencies.settings
        apiKeyCache = APIKeyCache(scopes: KeyScopeCatalog(products: settings.keyScopes))
        memberships = MembershipService(database: database, runtime: runtime)
        apiKeys = APIKeyService(
            database: database, confirmation: signIn.confirmation, audit: audit, mailer: dependencies.mailer,
            environment: settings.keyEnvironment, cache: apiKeyCache, runtime: runtime)
        apiKeyReader = APIKeyReader(
            database: database, audit: audit, environment: settings.keyEnvironment, cache: apiKeyCache,
            runtime: runtime, logger: dependencies.logger)
        organisations = OrganisationService(
            database: database, tokens: sessions.tokens, browserSessions: sessions.browserSessions,
            memberships: memberships, keyCache: apiKeyCache, confirmation: signIn.confirmation,
            events: dependencies.events, audit: audit, mailer: dependencies.mailer, runtime: runtime)
        invitations = InvitationService(
            database: database, memberships: memberships, confirmation: signIn.confirmation, audit: audit,
            mailer: dependencies.mailer, frontend: settings.frontend, runtime: runtime)
    }
}
