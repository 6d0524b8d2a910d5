import Modules

/// The settings of identity in an installation.
package struct IdentitySettings: Sendable {
    /// The `iss` claim: the base URL of this service.
    package var issuer: String
    /// The `aud` claim.
    package var audience: String
    /// The scopes of API keys that products declare.
    package var keyScopes: [KeyScope]
    package var accessTokenLifetime: Duration
    /// The binary logarithm of bcrypt's rounds: 4 to 15.
    package var bcryptCost: Int
    /// How many passwords are hashed concurrently.
    package var hashingThreads: Int
    /// In characters.
    package var passwordMinimumLength: Int
    /// Origins whose pages may send unsafe requests.
    package var origins: [String]
    /// The base URL of links in mails; a slash at its end is removed.
    package var frontend: String
    /// The reaction to failed login attempts.
    package var lockout: Lockout
    /// How many steps of 30 seconds the clock of an authenticator may differ: 0 to 2.
    package var authenticatorWindow: Int
    package var signingAlgorithm: SigningAlgorithm
    /// The secret of HS256: 32 or more characters.
    package var signingSecret: String
    /// How long a key signs before its successor; nil for ever.
    package var signingKeyLifetime: Duration?
    package var cookie: BrowserCookie
    /// The environment in the text of API keys, such as `test`: lower-case letters.
    package var keyEnvironment: String
    /// Whether a registration tells that its address or user name is known.
    package var registrationReveals: Bool
    /// Takes a unit of the rate of sign-ins to an account, by whichever name; false where none is left. It is called
    /// with a name for which there is no account too.
    package var takeSignIn: @Sendable (_ account: String) async -> Bool
    /// Whether this node's clock is near enough to the database's for tokens that other nodes accept.
    package var isClockRight: @Sendable () -> Bool

    package init(
        issuer: String,
        audience: String = "gatehouse",
        keyScopes: [KeyScope] = [],
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
        keyEnvironment: String = "test",
        registrationReveals: Bool = true,
        takeSignIn: @escaping @Sendable (_ account: String) async -> Bool = { _ in true },
        isClockRight: @escaping @Sendable () -> Bool = { true }
    ) {
        self.issuer = issuer
        self.audience = audience
        self.keyScopes = keyScopes
        self.accessTokenLifetime = accessTokenLifetime
        self.bcryptCost = bcryptCost
        self.hashingThreads = hashingThreads
        self.passwordMinimumLength = passwordMinimumLength
        self.origins = origins
        let frontend = frontend ?? issuer
        self.frontend = frontend.hasSuffix("/") ? String(frontend.dropLast()) : frontend
        self.lockout = lockout
        self.authenticatorWindow = authenticatorWindow
        self.signingAlgorithm = signingAlgorithm
        self.signingSecret = signingSecret
        self.signingKeyLifetime = signingKeyLifetime
        self.cookie = cookie ?? BrowserCookie(address: issuer)
        self.keyEnvironment = keyEnvironment
        self.registrationReveals = registrationReveals
        self.takeSignIn = takeSignIn
        self.isClockRight = isClockRight
    }

    /// The longest lifetime of any access token: previous keys verify, and revocations are cached, for this long.
    var tokenLifetimeMax: Duration { max(accessTokenLifetime, .hours(1)) }
}
