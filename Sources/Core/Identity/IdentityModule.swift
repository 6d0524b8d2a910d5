package import Audit
import HTTPTypes
package import Mail
package import Modules
package import Secrets
package import ServiceLifecycle

/// Accounts, sessions, tokens, organisations and roles.
package final class IdentityModule: Module {
    private let dependencies: IdentityDependencies
    private let sessionServices: SessionServices
    private let signInServices: SignInServices
    private let organisationServices: OrganisationServices
    private let accountServices: AccountServices
    /// The requirement of an authenticated account.
    package let member: Member

    /// - Parameters:
    ///   - database: migrated; the first start creates the signing key in it.
    ///   - passwords: replaces the hasher of the settings.
    package init(
        database: any Database,
        audit: AuditModule,
        mailer: Mailer,
        sealer: Sealer,
        settings: IdentitySettings,
        passwords: PasswordHasher? = nil,
        logger: Logger,
        runtime: Runtime
    ) async throws {
        dependencies = IdentityDependencies(
            database: database,
            auditTrail: audit,
            mailer: mailer,
            sealer: sealer,
            settings: settings,
            hasher: try passwords ?? PasswordHasher(cost: settings.bcryptCost, threads: settings.hashingThreads),
            logger: logger,
            runtime: runtime
        )
        sessionServices = try await SessionServices(dependencies)
        signInServices = SignInServices(dependencies, sessionServices)
        organisationServices = OrganisationServices(dependencies, sessionServices, signInServices)
        accountServices = AccountServices(dependencies, sessionServices, signInServices, organisationServices)
        member = Self.member(dependencies, sessionServices, organisationServices)
        dependencies.events.addUsage { [apiKeys = organisationServices.apiKeys] person, _, transaction in
            try apiKeys.usage(of: person, in: transaction)
        }
    }

    private static func member(
        _ dependencies: IdentityDependencies, _ sessions: SessionServices, _ organisations: OrganisationServices
    ) -> Member {
        let csrfProtection = CSRFProtection(origins: Set(dependencies.settings.origins))
        return Member(
            readers: [
                CookieReader(browserSessions: sessions.browserSessions, csrfProtection: csrfProtection),
                ServiceKeyRefusal(),
                organisations.apiKeyReader,
                BearerReader(tokens: sessions.tokens, csrfProtection: csrfProtection),
            ],
            memberships: organisations.memberships,
            refusals: RefusalRecorder(
                database: dependencies.database, audit: dependencies.audit, runtime: dependencies.runtime)
        )
    }

    package static let migrations = IdentitySchema.migrations
    package var migrations: [Migration] { Self.migrations }

    /// Unsafe requests of identity verify passwords and codes and concern other people's addresses: their durations
    /// must not tell which accounts exist.
    package var routes: [Route] { endpoints.map { $0.method == .get ? $0 : $0.withCoarseProcessTime() } }

    private var endpoints: [Route] {
        AccountRoutes(registration: registration, sessions: sessions, member: member).routes
            + SignInRoutes(signIns: signInServices.signIns).routes
            + SecondFactorRoutes(secondFactor: signInServices.secondFactor, member: member, verified: verified).routes
            + ProfileRoutes(
                profiles: accountServices.profiles, accounts: accounts, introspection: accountServices.introspection,
                member: member
            ).routes
            + PasswordRoutes(passwords: accountServices.passwords, member: member).routes
            + VerificationRoutes(verification: accountServices.verification, member: member).routes
            + DeviceRoutes(devices: sessionServices.devices, member: member).routes
            + BrowserSessionRoutes(
                signIns: signInServices.signIns, browserSessions: sessionServices.browserSessions, sessions: sessions,
                profiles: accountServices.profiles, member: member, origins: Set(dependencies.settings.origins)
            ).routes
            + JSONWebKeyRoutes(keys: keys).routes
            + UserRoutes(users: users, member: member).routes
            + ImpersonationRoutes(impersonations: accountServices.impersonations, member: member).routes
            + AuditRoutes(audit: dependencies.auditTrail.search, member: member).routes
            + APIKeyRoutes(apiKeys: organisationServices.apiKeys, member: member, verified: verified).routes
            + OrganisationRoutes(
                organisations: organisationServices.organisations, member: member, verified: verified
            ).routes
            + InvitationRoutes(invitations: organisationServices.invitations, member: member, verified: verified)
            .routes
    }

    package var workers: [Worker] {
        [
            ChallengePruningJob.worker,
            LoginFailurePruningJob.worker(database),
            SigningKeyRotationJob.worker(signingKeys),
            SessionPruningJob.worker(database),
            CredentialPruningJob.worker(database),
        ]
    }

    package var schedules: [Schedule] {
        [
            ChallengePruningJob.schedule,
            LoginFailurePruningJob.schedule,
            SigningKeyRotationJob.schedule(signingKeys),
            SessionPruningJob.schedule,
            CredentialPruningJob.schedule,
        ]
    }

    /// The background services of a process that answers requests: they read what other nodes changed.
    package var services: [any Service] { [revocations, keys] }
}

// MARK: Requirements

extension IdentityModule {
    /// The requirement of a verified e-mail address, behind one that admits the request.
    package var verified: VerifiedRequirement { VerifiedRequirement(member: member, database: database) }

    /// The requirement of one of several account roles.
    package func role(_ roles: Role...) -> RoleRequirement { role(anyOf: roles) }

    /// As ``role(_:)``.
    package func role(anyOf roles: [Role]) -> RoleRequirement { RoleRequirement(member: member, roles: roles) }

    /// The requirement of one of several roles in an organisation; without roles, of any membership.
    /// - Parameter parameter: the path parameter with the organisation's id; nil for that of the request's scope.
    package func organisation(_ roles: OrganisationRole..., at parameter: String? = nil) -> OrganisationRoleRequirement
    {
        OrganisationRoleRequirement(
            member: member, roles: roles.isEmpty ? OrganisationRole.allCases : roles, parameter: parameter)
    }
}

// MARK: Services for other modules and for commands

extension IdentityModule {
    package var registration: RegistrationService { accountServices.registration }
    package var accounts: AccountService { accountServices.accounts }
    package var users: UserService { accountServices.users }
    package var signingKeys: SigningKeyService { sessionServices.signingKeys }
    package var knownDevices: KnownDeviceService { signInServices.knownDevices }
    package var events: IdentityEvents { dependencies.events }
    package var revocations: Revocations { sessionServices.revocations }
    package var keys: KeyRing { sessionServices.keys }
    package var access: AccessService {
        AccessService(database: database, revocations: revocations, memberships: organisationServices.memberships)
    }
    package var originCheck: OriginCheck { OriginCheck(origins: Set(dependencies.settings.origins)) }

    /// The tables with personal data, with those of the audit trail.
    package var personalData: IdentityPersonalData {
        IdentityPersonalData(audit: dependencies.auditTrail.erasure)
    }

    var database: any Database { dependencies.database }
    var audit: AuditService { dependencies.audit }
    /// The base URL of links in mails, without a slash at its end.
    var frontend: String { dependencies.settings.frontend }
    var sessions: SessionService { sessionServices.sessions }
    package var confirmation: Confirmation { signInServices.confirmation }
}
