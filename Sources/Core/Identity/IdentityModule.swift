package import Audit
package import Mail
package import Modules
package import Secrets

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

    package init(
        issuer: String,
        audience: String = "gatehouse",
        accessTokenLifetime: Duration = .minutes(15),
        bcryptCost: Int = 12,
        hashingThreads: Int = 2,
        passwordMinimumLength: Int = 8,
        origins: [String] = [],
        frontend: String? = nil
    ) {
        self.issuer = issuer
        self.audience = audience
        self.accessTokenLifetime = accessTokenLifetime
        self.bcryptCost = bcryptCost
        self.hashingThreads = hashingThreads
        self.passwordMinimumLength = passwordMinimumLength
        self.origins = origins
        self.frontend = frontend ?? issuer
    }
}

/// Who is at the door: accounts, sessions, tokens and roles.
package struct IdentityModule: Module {
    let accounts: Accounts
    let profiles: Profiles
    let passwords: Passwords
    let verification: Verification
    let sessions: Sessions
    /// What happens to people, for those who join in.
    package let events: IdentityEvents
    let database: any Database
    let audit: AuditModule
    let post: Post
    /// Reads what other nodes revoked; it must run for as long as the process answers.
    package let revocations: Revocations
    /// Somebody signed in.
    package let member: Member
    private let refusals: RoleRefusals

    /// - Parameter database: migrated; the first start makes the signing key in it.
    package init(
        database: any Database,
        audit: AuditModule,
        post: Post,
        sealer: Sealer,
        settings: IdentitySettings,
        logger: Logger,
        runtime: Runtime
    ) async throws {
        let revocations = Revocations(
            database: database, tokenLifetime: max(settings.accessTokenLifetime, Impersonation.lifetime), runtime: runtime, logger: logger)
        let keys = try await SigningKey.loadOrMake(from: database, sealer: sealer, runtime: runtime)
        let tokens = try await TokenIssuer(settings: settings, keys: keys, revocations: revocations, runtime: runtime)
        let sessions = Sessions(database: database, tokens: tokens, revocations: revocations, sealer: sealer, audit: audit, post: post, runtime: runtime)
        self.database = database
        self.audit = audit
        self.post = post
        self.revocations = revocations
        self.sessions = sessions
        let events = IdentityEvents()
        self.events = events
        let hasher = try PasswordHasher(cost: settings.bcryptCost, threads: settings.hashingThreads)
        let policy = PasswordPolicy(minimumLength: settings.passwordMinimumLength)
        let challenges = Challenges(sealer: sealer, frontend: settings.frontend, post: post, audit: audit, events: events, runtime: runtime)
        let reauthentication = Reauthentication(database: database, passwords: hasher, audit: audit)
        accounts = Accounts(
            database: database,
            passwords: hasher,
            policy: policy,
            sessions: sessions,
            challenges: challenges,
            audit: audit,
            post: post,
            runtime: runtime
        )
        profiles = Profiles(
            database: database,
            tokens: tokens,
            revocations: revocations,
            events: events,
            audit: audit,
            post: post,
            runtime: runtime
        )
        passwords = Passwords(
            database: database,
            hasher: hasher,
            policy: policy,
            challenges: challenges,
            reauthentication: reauthentication,
            revocations: revocations,
            audit: audit,
            post: post,
            runtime: runtime
        )
        verification = Verification(database: database, challenges: challenges, reauthentication: reauthentication, audit: audit, post: post)
        member = Member(readers: [BearerReader(tokens: tokens, crossSite: CrossSiteGuard(origins: Set(settings.origins)))])
        refusals = RoleRefusals(database: database, audit: audit, runtime: runtime)
        try await revocations.synchronize()
    }

    package static let migrations = IdentitySchema.migrations
    package var migrations: [Migration] { Self.migrations }
    package var routes: [Route] { accountRoutes + profileRoutes + passwordRoutes + verificationRoutes + keyRoutes + administrationRoutes }
    package var workers: [Worker] { verificationWorkers }
    package var schedules: [Schedule] { verificationSchedules }

    /// Somebody signed in who has one of `roles`.
    package func role(_ roles: Role...) -> RoleRequirement { RoleRequirement(member: member, roles: roles, refusals: refusals) }

    private var keyRoutes: [Route] {
        let published = sessions.tokens.published
        return [.get("/.well-known/jwks.json", "The public keys that access tokens are signed with", requires: .public) { _ in published }]
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
            guard try transaction.suspend(person) else { throw Problem(.notFound, detail: "There is no such account, or it is suspended already.") }
            try audit.record(AuditEvent("account.suspended", subject: person.text), in: transaction)
            return try transaction.revokeSessions(of: person, because: "account suspended")
        }
        revocations.note(ended, at: sessions.runtime.now())
    }

    /// Lets an account in again that was suspended, or closed by its owner.
    /// - Throws: `not-found`.
    package func restore(_ person: ID<Person>) async throws(Problem) {
        try await database.write { [audit] transaction in
            guard try transaction.reopen(person) else { throw Problem(.notFound, detail: "There is no such account, or it is neither suspended nor closed.") }
            try audit.record(AuditEvent("account.restored", subject: person.text), in: transaction)
        }
    }
}

extension Visitor {
    /// Who acts when a command is run on the server itself.
    static var commandLine: Visitor { Visitor(address: "localhost", requestID: "command-line", userAgent: nil) }
}
