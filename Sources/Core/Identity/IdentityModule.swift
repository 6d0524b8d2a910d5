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
        keyEnvironment: String = "test"
    ) {
        self.issuer = issuer
        self.audience = audience
        self.accessTokenLifetime = accessTokenLifetime
        self.bcryptCost = bcryptCost
        self.hashingThreads = hashingThreads
        self.passwordMinimumLength = passwordMinimumLength
        self.origins = origins
        self.keyEnvironment = keyEnvironment
    }
}

/// Who is at the door: accounts, sessions, tokens and roles.
package struct IdentityModule: Module {
    let accounts: Accounts
    let sessions: Sessions
    let apiKeys: APIKeys
    let organisations: Organisations
    let invitations: Invitations
    let database: any Database
    let audit: AuditModule
    let post: Post
    /// Reads what other nodes revoked; it must run for as long as the process answers.
    package let revocations: Revocations
    /// Somebody signed in.
    package let member: Member

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
        let revocations = Revocations(database: database, tokenLifetime: settings.accessTokenLifetime, runtime: runtime, logger: logger)
        let keys = try await SigningKey.loadOrMake(from: database, sealer: sealer, runtime: runtime)
        let tokens = try await TokenIssuer(settings: settings, keys: keys, revocations: revocations, runtime: runtime)
        let sessions = Sessions(database: database, tokens: tokens, revocations: revocations, sealer: sealer, audit: audit, post: post, runtime: runtime)
        self.database = database
        self.audit = audit
        self.post = post
        self.revocations = revocations
        self.sessions = sessions
        accounts = Accounts(
            database: database,
            passwords: try PasswordHasher(cost: settings.bcryptCost, threads: settings.hashingThreads),
            policy: PasswordPolicy(minimumLength: settings.passwordMinimumLength),
            sessions: sessions,
            audit: audit,
            post: post,
            runtime: runtime
        )
        let memberships = Memberships(database: database, runtime: runtime)
        let keyMemory = KeyMemory()
        apiKeys = APIKeys(database: database, audit: audit, environment: settings.keyEnvironment, memory: keyMemory, runtime: runtime)
        organisations = Organisations(
            database: database,
            tokens: tokens,
            memberships: memberships,
            keyMemory: keyMemory,
            audit: audit,
            runtime: runtime
        )
        invitations = Invitations(
            database: database,
            memberships: memberships,
            audit: audit,
            post: post,
            frontend: settings.issuer,
            runtime: runtime
        )
        let keyReader = KeyReader(
            database: database,
            audit: audit,
            environment: settings.keyEnvironment,
            memory: keyMemory,
            runtime: runtime,
            logger: logger
        )
        let bearer = BearerReader(tokens: tokens, crossSite: CrossSiteGuard(origins: Set(settings.origins)))
        member = Member(readers: [keyReader, bearer], memberships: memberships)
        try await revocations.synchronize()
    }

    package static let migrations = IdentitySchema.migrations
    package var migrations: [Migration] { Self.migrations }
    package var routes: [Route] { accountRoutes + keyRoutes + apiKeyRoutes + organisationRoutes }
    package var workers: [Worker] { [credentialPruning] }
    package var schedules: [Schedule] { [credentialPruningSchedule] }

    /// Somebody signed in who has one of `roles`.
    package func role(_ roles: Role...) -> RoleRequirement { RoleRequirement(member: member, roles: roles) }

    /// A member of the organisation that the call acts in, or of the one that the path's `parameter` names, who has one of `roles` in it;
    /// without roles, any member.
    package func organisation(_ roles: OrganisationRole..., at parameter: String? = nil) -> OrganisationRoleRequirement {
        OrganisationRoleRequirement(member: member, roles: roles.isEmpty ? OrganisationRole.allCases : roles, parameter: parameter)
    }

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
        apiKeys.memory.holders.forgetAll()
    }
}

extension Visitor {
    /// Who acts when a command is run on the server itself.
    static var commandLine: Visitor { Visitor(address: "localhost", requestID: "command-line", userAgent: nil) }
}
