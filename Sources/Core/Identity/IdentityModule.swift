package import Audit
import Foundation
package import Mail
package import Modules
package import Secrets
package import ServiceLifecycle

/// What an installation decides about identity.
package struct IdentitySettings: Sendable {
    /// The `iss` claim: the address of this service.
    package var issuer: String
    /// The `aud` claim.
    package var audience: String
    package var accessTokenLifetime: Duration
    /// 4 to 15.
    package var bcryptCost: Int
    /// How many passwords are hashed at once.
    package var hashingThreads: Int
    /// In characters.
    package var passwordMinimumLength: Int
    /// Origins whose pages may call with a browser's session.
    package var origins: [String]
    /// Where the pages are that links in mails open: an address without a path of its own, or one whose pages lie below it.
    package var frontend: String
    /// What guessing leads to.
    package var lockout: Lockout
    /// How many steps of 30 seconds the clock of an authenticator may be off: 0 to 2.
    package var authenticatorWindow: Int
    package var signingAlgorithm: SigningAlgorithm
    /// What HS256 signs with: 32 or more characters.
    package var signingSecret: String
    /// How long a key signs before its successor does; nil for ever.
    package var signingKeyLifetime: Duration?
    package var cookie: BrowserCookie
    /// The word in the middle of API keys that tells what kind of installation they are for: small letters.
    package var keyEnvironment: String

    package init(
        issuer: String,
        audience: String = "gatehouse",
        accessTokenLifetime: Duration = .minutes(15),
        bcryptCost: Int = 12,
        hashingThreads: Int = 2,
        passwordMinimumLength: Int = 8,
        origins: [String] = [],
        frontend: String? = nil,
        lockout: Lockout = .adaptive,
        authenticatorWindow: Int = 1,
        signingAlgorithm: SigningAlgorithm = .rs256,
        signingSecret: String = "",
        signingKeyLifetime: Duration? = .days(90),
        cookie: BrowserCookie? = nil,
        keyEnvironment: String = "test"
    ) {
        self.issuer = issuer
        self.audience = audience
        self.accessTokenLifetime = accessTokenLifetime
        self.bcryptCost = bcryptCost
        self.hashingThreads = hashingThreads
        self.passwordMinimumLength = passwordMinimumLength
        self.origins = origins
        self.frontend = frontend ?? issuer
        self.lockout = lockout
        self.authenticatorWindow = authenticatorWindow
        self.signingAlgorithm = signingAlgorithm
        self.signingSecret = signingSecret
        self.signingKeyLifetime = signingKeyLifetime
        self.cookie = cookie ?? BrowserCookie(address: issuer)
        self.keyEnvironment = keyEnvironment
    }

    /// No access token lives longer, whatever it is for: keys are honoured and revocations remembered for this long.
    var longestTokenLifetime: Duration { max(accessTokenLifetime, .hours(1)) }
}

/// Who is at the door: accounts, sessions, tokens and roles.
package struct IdentityModule: Module {
    let accounts: AccountService
    let profiles: ProfileService
    let passwords: PasswordService
    let verification: VerificationService
    let sessions: SessionService
    /// What happens to people, for those who join in.
    package let events: IdentityEvents
    let signIns: SignInService
    /// Asks for secrets once more, also for modules above.
    let confirmation: Confirmation
    let secondFactor: SecondFactorService
    package let users: UserService
    let impersonations: ImpersonationService
    let apiKeys: APIKeyService
    let organisations: OrganisationService
    let invitations: InvitationService
    let database: any Database
    let audit: AuditService
    let auditSearch: AuditSearchService
    let auditErasure: AuditErasureService
    let mailer: Mailer
    /// Knows what other nodes revoked.
    package let revocations: Revocations
    /// The keys that tokens are signed with, also those that other nodes made.
    package let keys: KeyRing
    let rotation: KeyRotation
    let browsers: BrowserSessionService
    /// Where the pages are that links in mails open; without a slash at its end.
    let frontend: String
    let browserOrigins: Set<String>
    /// Somebody signed in.
    package let member: Member

    /// - Parameters:
    ///   - database: migrated; the first start makes the signing key in it.
    ///   - passwords: in place of what the settings say.
    package init(
        database: any Database,
        audit auditModule: AuditModule,
        mailer: Mailer,
        sealer: Sealer,
        settings: IdentitySettings,
        passwords replacement: PasswordHasher? = nil,
        logger: Logger,
        runtime: Runtime
    ) async throws {
        let audit = auditModule.service
        let accountMemory = AccountCache()
        let database = ObservedDatabase(database) { accountMemory.forgetAll() }
        let revocations = Revocations(
            database: database, tokenLifetime: settings.longestTokenLifetime, runtime: runtime, logger: logger)
        rotation = KeyRotation(database: database, sealer: sealer, audit: audit, settings: settings, runtime: runtime)
        try await rotation.prepare()
        keys = try await KeyRing(database: database, sealer: sealer, runtime: runtime, logger: logger)
        let tokens = TokenIssuer(settings: settings, keys: keys, revocations: revocations, runtime: runtime)
        let sessions = SessionService(
            database: database, tokens: tokens, revocations: revocations, sealer: sealer, audit: audit, mailer: mailer,
            runtime: runtime)
        self.database = database
        self.audit = audit
        auditSearch = auditModule.search
        auditErasure = auditModule.erasure
        self.mailer = mailer
        self.revocations = revocations
        self.sessions = sessions
        let events = IdentityEvents()
        self.events = events
        let hasher = try replacement ?? PasswordHasher(cost: settings.bcryptCost, threads: settings.hashingThreads)
        let policy = PasswordPolicy(minimumLength: settings.passwordMinimumLength)
        let frontend = settings.frontend.hasSuffix("/") ? String(settings.frontend.dropLast()) : settings.frontend
        self.frontend = frontend
        let challenges = ChallengeService(
            sealer: sealer, frontend: frontend, mailer: mailer, audit: audit, events: events, runtime: runtime)
        let signInGuard = LoginThrottle(lockout: settings.lockout, sealer: sealer)
        let secondFactors = SecondFactorVerifier(
            sealer: sealer, window: Int64(settings.authenticatorWindow), audit: audit, mailer: mailer, runtime: runtime)
        let confirmation = Confirmation(
            database: database, passwords: hasher, signInGuard: signInGuard, secondFactors: secondFactors, audit: audit)
        self.confirmation = confirmation
        signIns = SignInService(
            database: database,
            passwords: hasher,
            signInGuard: signInGuard,
            secondFactors: secondFactors,
            sessions: sessions,
            audit: audit,
            runtime: runtime
        )
        secondFactor = SecondFactorService(
            database: database,
            confirmation: confirmation,
            verifier: secondFactors,
            loginThrottle: signInGuard,
            revocations: revocations,
            audit: audit,
            issuer: URL(string: settings.issuer)?.host() ?? "Gatehouse",
            runtime: runtime
        )
        accounts = AccountService(
            database: database,
            passwords: hasher,
            policy: policy,
            sessions: sessions,
            challenges: challenges,
            audit: audit,
            mailer: mailer,
            runtime: runtime
        )
        profiles = ProfileService(
            database: database,
            tokens: tokens,
            revocations: revocations,
            events: events,
            audit: audit,
            mailer: mailer,
            runtime: runtime,
            memory: accountMemory
        )
        passwords = PasswordService(
            database: database,
            hasher: hasher,
            policy: policy,
            challenges: challenges,
            confirmation: confirmation,
            signInGuard: signInGuard,
            revocations: revocations,
            audit: audit,
            mailer: mailer,
            runtime: runtime
        )
        verification = VerificationService(
            database: database, challenges: challenges, confirmation: confirmation, audit: audit, mailer: mailer)
        users = UserService(
            database: database, sessions: sessions, passwords: passwords, events: events, audit: audit, mailer: mailer,
            runtime: runtime)
        impersonations = ImpersonationService(
            database: database, sessions: sessions, sealer: sealer, audit: audit, mailer: mailer, runtime: runtime)
        browsers = BrowserSessionService(sessions: sessions, cookie: settings.cookie)
        browserOrigins = Set(settings.origins)
        let memberships = MembershipService(database: database, runtime: runtime)
        let keyCache = APIKeyCache()
        apiKeys = APIKeyService(
            database: database, audit: audit, environment: settings.keyEnvironment, cache: keyCache, runtime: runtime)
        organisations = OrganisationService(
            database: database,
            tokens: tokens,
            memberships: memberships,
            keyCache: keyCache,
            audit: audit,
            runtime: runtime
        )
        invitations = InvitationService(
            database: database,
            memberships: memberships,
            audit: audit,
            mailer: mailer,
            frontend: frontend,
            runtime: runtime
        )
        let keyReader = APIKeyReader(
            database: database,
            audit: audit,
            environment: settings.keyEnvironment,
            cache: keyCache,
            runtime: runtime,
            logger: logger
        )
        let crossSite = CSRFProtection(origins: browserOrigins)
        member = Member(
            readers: [
                CookieReader(browsers: browsers, crossSite: crossSite),
                keyReader,
                BearerReader(tokens: tokens, crossSite: crossSite),
            ],
            memberships: memberships,
            refusals: GateRefusals(database: database, audit: audit, runtime: runtime)
        )
        events.addUsage { person, _, transaction in
            var usage = ProfileUsage()
            usage.keyPrefix = try transaction.defaultKey(of: person)?.prefix
            return usage
        }
        try await revocations.synchronize()
    }

    /// The tables with personal data, also those of the audit trail.
    package var personalData: IdentityPersonalData { IdentityPersonalData(audit: auditErasure) }

    package static let migrations = IdentitySchema.migrations
    package var migrations: [Migration] { Self.migrations }
    package var routes: [Route] {
        accountRoutes + signInRoutes
            + SecondFactorRoutes(secondFactor: secondFactor, member: member).routes + profileRoutes + passwordRoutes
            + verificationRoutes
            + deviceRoutes + browserRoutes + keyRoutes
            + UserRoutes(users: users, member: member).routes
            + ImpersonationRoutes(impersonations: impersonations, member: member).routes
            + AuditRoutes(audit: auditSearch, member: member).routes
            + APIKeyRoutes(apiKeys: apiKeys, member: member).routes
            + OrganisationRoutes(organisations: organisations, member: member).routes
            + InvitationRoutes(invitations: invitations, member: member).routes
    }
    package var workers: [Worker] {
        verificationWorkers + [
            PruneLoginFailures.worker(database), rotation.worker, SessionPruning(database: database).worker,
            CredentialPruningJob.worker(database),
        ]
    }
    package var schedules: [Schedule] {
        verificationSchedules + [
            PruneLoginFailures.schedule, rotation.schedule, SessionPruning.schedule, CredentialPruningJob.schedule,
        ]
    }
    /// What must run for as long as the process answers: by these it learns what other nodes did.
    package var services: [any Service] { [revocations, keys] }

    /// Somebody signed in who has one of `roles`.
    package func role(_ roles: Role...) -> RoleRequirement { RoleRequirement(member: member, roles: roles) }

    /// A member of the organisation that the call acts in, or of the one that the path's `parameter` names, who has one of `roles` in it;
    /// without roles, any member.
    package func organisation(_ roles: OrganisationRole..., at parameter: String? = nil) -> OrganisationRoleRequirement
    {
        OrganisationRoleRequirement(
            member: member, roles: roles.isEmpty ? OrganisationRole.allCases : roles, parameter: parameter)
    }
}

// MARK: From the command line

extension IdentityModule {
    /// Makes an account that may do everything, its address taken as proved.
    /// - Throws: `account-exists`, `validation-failed`.
    package func createAdministrator(email: String, password: String) async throws(Problem) -> ID<Person> {
        let request = Registration(email: email, password: password)
        return try await accounts.create(request, role: .admin, isEmailVerified: true, visitor: .commandLine).0.id
    }

    /// Shuts an account out: nobody signs in to it, and its sessions end.
    /// - Throws: `not-found`.
    package func suspend(_ person: ID<Person>) async throws(Problem) {
        let ended = try await database.write { [audit] transaction -> [ID<Session>] in
            guard try transaction.suspend(person) else {
                throw Problem(.notFound, detail: "There is no such account, or it is suspended already.")
            }
            try audit.record(AuditEvent("account.suspended", subject: person.text), in: transaction)
            return try transaction.revokeSessions(of: person, because: "account suspended")
        }
        revocations.note(ended, at: sessions.runtime.now())
        apiKeys.invalidateCache()
    }

    /// Lets an account in again that was suspended, or closed by its owner.
    /// - Throws: `not-found`.
    package func restore(_ person: ID<Person>) async throws(Problem) {
        try await database.write { [audit] transaction in
            guard try transaction.reopen(person) else {
                throw Problem(.notFound, detail: "There is no such account, or it is neither suspended nor closed.")
            }
            try audit.record(AuditEvent("account.restored", subject: person.text), in: transaction)
        }
    }
}

extension IdentityModule {
    /// The keys that tokens are signed with: the next, the current, and the previous ones, latest first.
    package func signingKeys() async throws(Problem) -> [SigningKey] { try await rotation.list() }

    /// Gives the signing key a successor: at once, or as soon as everybody who caches our keys can know it.
    /// - Returns: all keys as they are then, in the order of ``signingKeys()``.
    /// - Throws: `key-not-rotatable` with HS256.
    package func rotateSigningKey(now isImmediate: Bool) async throws(Problem) -> [SigningKey] {
        try await rotation.rotate(now: isImmediate)
    }
}

extension ClientInfo {
    /// Who acts when a command is run on the server itself.
    static var commandLine: ClientInfo { ClientInfo(address: "localhost", requestID: "command-line", userAgent: nil) }
}
