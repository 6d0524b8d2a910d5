import Modules

/// Builds the services of accounts: registration, profiles, passwords, e-mail verification and administration.
final class AccountServices: Sendable {
    let registration: RegistrationService
    let accounts: AccountService
    let profiles: ProfileService
    let introspection: IntrospectionService
    let passwords: PasswordService
    let verification: VerificationService
    let users: UserService
    let impersonations: ImpersonationService

    init(
        _ dependencies: IdentityDependencies, _ sessions: SessionServices, _ signIn: SignInServices,
        _ organisations: OrganisationServices
    ) {
        let (database, audit, mailer) = (dependencies.database, dependencies.audit, dependencies.mailer)
        let (settings, hasher, events) = (dependencies.settings, dependencies.hasher, dependencies.events)
        let runtime = dependencies.runtime
        let policy = PasswordPolicy(minimumLength: settings.passwordMinimumLength)
        let challenges = ChallengeService(
            sealer: dependencies.sealer, frontend: settings.frontend, mailer: mailer, audit: audit, events: events,
            runtime: runtime)
        registration = RegistrationService(
            database: database, hasher: hasher, policy: policy, sessions: sessions.sessions, challenges: challenges,
            audit: audit, mailer: mailer, settings: settings, runtime: runtime)
        let access = AccountAccessService(
            sessions: sessions.sessions, apiKeys: organisations.apiKeys, audit: audit)
        accounts = AccountService(
            database: database, confirmation: signIn.confirmation, access: access, events: events, audit: audit,
            mailer: mailer)
        profiles = ProfileService(
            database: database, accountCache: sessions.accountCache, events: events, audit: audit, runtime: runtime)
        introspection = IntrospectionService(
            database: database, tokens: sessions.tokens, memberships: organisations.memberships)
        let recovery = AccountRecoveryService(
            browserSessions: sessions.browserSessions, memberships: organisations.memberships,
            apiKeys: organisations.apiKeys, events: events, audit: audit)
        passwords = PasswordService(
            database: database, hasher: hasher, policy: policy, challenges: challenges,
            confirmation: signIn.confirmation, loginThrottle: signIn.loginThrottle, sessions: sessions.sessions,
            apiKeys: organisations.apiKeys, recovery: recovery, access: access, audit: audit, mailer: mailer)
        verification = VerificationService(
            database: database, challenges: challenges, confirmation: signIn.confirmation,
            accountCache: sessions.accountCache, events: events, audit: audit, mailer: mailer)
        users = UserService(
            database: database, sessions: sessions.sessions, passwords: passwords, access: access,
            confirmation: signIn.confirmation, events: events, audit: audit, mailer: mailer, runtime: runtime)
        impersonations = ImpersonationService(
            database: database, sessions: sessions.sessions, confirmation: signIn.confirmation,
            sealer: dependencies.sealer, audit: audit, mailer: mailer, runtime: runtime)
    }
}
