import Configuration
import Foundation
package import Identity
package import Mail
import MessagingRedis
package import Modules
import SystemPackage

/// What an installation decides, read from the environment, a `.env` file, and a command's own flags, which win.
package struct Configuration: Sendable {
    package enum Environment: String, Sendable, CaseIterable { case development, test, production }

    package var environment: Environment = .development
    package var host = "127.0.0.1"
    package var port = 8080
    /// Where generated secrets, the default database and files lie.
    package var dataFolder = "./data"
    package var databaseURL = ""
    package var poolSize = 10
    package var poolOverflow = 5
    package var poolTimeout: Duration = .seconds(10)
    /// What sealed values are encrypted under.
    package var encryptionKey = ""
    package var secretKey = ""
    package var jwtAlgorithm: SigningAlgorithm = .rs256
    /// What HS256 signs with; empty where it is not used.
    package var jwtSecret = ""
    /// 0 is never.
    package var keyRotationDays = 90
    package var accessTokenLifetime: Duration = .minutes(15)
    package var bcryptRounds = 12
    package var passwordMinimumLength = 8
    package var corsOrigins: [String] = []
    /// What guessing passwords leads to.
    package var lockout: Lockout = .adaptive
    /// How many steps of 30 seconds the clock of an authenticator may be off.
    package var authenticatorWindow = 1
    /// Whose `X-Forwarded-For` is believed.
    package var trustedProxies: [String] = []
    /// The address under which clients reach this service: the issuer of tokens.
    package var baseURL = ""
    /// Where the pages are that links in mails open; `baseURL` when empty.
    package var frontendURL = ""
    /// Nil where there is no mail server: mails are then written into the data folder, or in production not sent.
    package var smtpHost: String?
    package var smtpPort = 587
    package var smtpUser: String?
    package var smtpPassword: String?
    package var smtpSecurity: SMTPServer.Security = .starttls
    /// Certificates to trust in place of the system's.
    package var smtpCAFile: String?
    /// The address that mails come from.
    package var fromEmail: String?
    package var fromName = "Gatehouse"
    package var plansFile: String?
    /// `redis://…` or `rediss://…`: rates are shared with other nodes through it. Empty where there is one node.
    package var redisURL = ""
    /// A PEM file of the authorities that its certificate is trusted for.
    package var redisCertificateAuthority: String?
    package var limitsRates = true
    /// Calls a minute that a network may make without a credential.
    package var visitorRequests = 300
    /// Tries at signing in, and the like, of one network, and at one account.
    package var authenticationRequests = 10
    package var authenticationWindow: Duration = .seconds(60)
    package var metricsToken: String?
    /// What this process is called among those that share a database; by default where it listens.
    package var nodeName: String?
    package var logLevel: Logger.Level = .info
    package var logFormat: LineLogHandler.Format = .json
    /// How many jobs run at once in this process; 0 leaves them to `gatehouse work`.
    package var jobSlots = 2
    /// How long a worker that is not heard of keeps its job: so long does work rest after its process was killed.
    package var jobLease: Duration = .seconds(30)

    /// The text of every setting that was given, by name: what the audit trail compares from one start to the next.
    package var given: [String: String] = [:]

    package init() {}

    /// Every name that is read, with what it decides: the text of `gatehouse config --help`.
    package static let names: [(name: String, meaning: String)] = [
        ("ENVIRONMENT", "development (default), test or production"),
        ("HOST", "the address to listen on; 127.0.0.1 by default"),
        ("PORT", "the port to listen on; 8080 by default, 0 lets the system choose"),
        ("DATA_DIR", "where secrets, files and the default database lie; ./data by default"),
        ("DATABASE_URL", "sqlite:PATH or postgresql://…; sqlite in the data folder by default"),
        ("DB_POOL_SIZE", "connections kept to PostgreSQL; 10 by default"),
        ("DB_MAX_OVERFLOW", "connections beyond those while it is busy; 5 by default"),
        ("DB_POOL_TIMEOUT", "seconds to wait for a connection; 10 by default"),
        ("SECRET_KEY", "32 or more characters; generated and kept in the data folder except in production"),
        ("ENCRYPTION_KEY", "what sealed values are encrypted under; SECRET_KEY by default"),
        (
            "JWT_ALGORITHM",
            "RS256 (default), ES256, EdDSA or HS256; another one means a new key, and old tokens stay good until they run out"
        ),
        (
            "JWT_SECRET",
            "32 or more characters that HS256 signs with; generated and kept in the data folder except in production"
        ),
        ("KEY_ROTATION_DAYS", "how long a key signs access tokens, 0 to 3650; 90 by default, 0 is for ever"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "1 to 1440; 15 by default"),
        ("BCRYPT_ROUNDS", "4 to 15; 12 by default, at least 10 in production"),
        ("PASSWORD_MIN_LENGTH", "8 to 64; 8 by default"),
        (
            "LOCKOUT",
            "adaptive (default): who guesses waits, the owner does not; strict: five failures lock the account for 30 minutes"
        ),
        ("TOTP_WINDOW", "how many steps of 30 seconds an authenticator's clock may be off; 0 to 2, 1 by default"),
        (
            "TRUSTED_PROXIES",
            "addresses, ranges such as 10.0.0.0/8, or unix: whose X-Forwarded-For is believed; none by default"
        ),
        ("CORS_ORIGINS", "origins whose pages may call, separated by commas; none by default"),
        ("BASE_URL", "the address under which clients reach this service"),
        ("FRONTEND_URL", "the address of the pages that links in mails open, an allowed origin; BASE_URL by default"),
        (
            "SMTP_HOST",
            "the server that sends mails; without one they are written to DATA_DIR/mail, and in production not sent"
        ),
        ("SMTP_PORT", "587 by default, 465 with SMTP_SECURITY=tls"),
        ("SMTP_USER", "the name to sign in to it with, if it asks for one"),
        ("SMTP_PASSWORD", "the password that goes with it"),
        (
            "SMTP_SECURITY",
            "starttls (default), tls (encrypted from the first byte) or none (only for a server on localhost)"
        ),
        ("SMTP_CA_FILE", "a PEM file of certificates to trust in place of the system's"),
        ("FROM_EMAIL", "the address that mails come from; required with SMTP_HOST"),
        ("FROM_NAME", "the name that mails come from; Gatehouse by default"),
        ("PLANS_FILE", "a YAML file of plans in place of the built-in ones"),
        (
            "REDIS_URL",
            "redis://[user:password@]host[:port][/database], or rediss:// for TLS: nodes share rates through it; none by default"
        ),
        (
            "REDIS_CA_FILE",
            "a PEM file of the authorities that its certificate is trusted for; those of the system by default"
        ),
        ("RATE_LIMIT_ENABLED", "true (default) or false"),
        ("VISITOR_RATE_LIMIT_REQUESTS", "calls a minute that one network may make without signing in; 300 by default"),
        (
            "AUTH_RATE_LIMIT_REQUESTS",
            "tries at signing in, registering and the like, of one network and at one account; 10 by default"
        ),
        ("AUTH_RATE_LIMIT_WINDOW_SECONDS", "in which so many tries are allowed; 60 by default"),
        ("METRICS_TOKEN", "a bearer token that /metrics asks for; in production /metrics is closed without one"),
        (
            "NODE_NAME",
            "what tells this process from others that share its database, the same after a restart; by default host and port"
        ),
        ("LOG_LEVEL", "trace, debug, info (default), notice, warning, error or critical"),
        ("LOG_FORMAT", "json or text; by default text on a terminal, json elsewhere"),
        ("JOB_SLOTS", "jobs at once in this process; 2 by default, 0 leaves them to `gatehouse work`"),
        ("JOB_LEASE_SECONDS", "how long work rests after its process was killed; 3 to 600, 30 by default"),
    ]

    /// Reads the environment and `.env`.
    /// - Parameter overrides: what a command's flags say, by the same names.
    /// - Throws: ``ConfigurationFaults`` naming every fault at once.
    package static func load(overrides: [String: String] = [:]) async throws -> Configuration {
        let file = try await EnvironmentVariablesProvider(environmentFilePath: ".env", allowMissing: true)
        let reader = ConfigReader(providers: [
            EnvironmentVariablesProvider(environmentVariables: overrides), EnvironmentVariablesProvider(), file,
        ])
        return try Configuration(logFormat: LogOutput.isTerminal ? .text : .json) { name in
            let key = name.lowercased().split(separator: "_").joined(separator: ".")
            return reader.string(forKey: ConfigKey(key)).flatMap { $0.isEmpty ? nil : $0 }
        }
    }

    /// - Parameters:
    ///   - logFormat: without `LOG_FORMAT`.
    ///   - value: the text of a name, nil where it is not set.
    init(logFormat: LineLogHandler.Format = .json, reading value: @escaping (String) -> String?) throws {
        var source = Source(value)
        environment = source.choice("ENVIRONMENT", environment)
        host = source.text("HOST") ?? host
        port = source.number("PORT", 0...65_535, port)
        dataFolder = source.text("DATA_DIR") ?? dataFolder
        databaseURL = source.text("DATABASE_URL") ?? "sqlite:\(dataFolder)/gatehouse.db"
        poolSize = source.number("DB_POOL_SIZE", 1...200, poolSize)
        poolOverflow = source.number("DB_MAX_OVERFLOW", 0...200, poolOverflow)
        poolTimeout = .seconds(source.number("DB_POOL_TIMEOUT", 1...120, 10))
        secretKey = source.text("SECRET_KEY") ?? ""
        encryptionKey = source.text("ENCRYPTION_KEY") ?? ""
        jwtAlgorithm = source.algorithm("JWT_ALGORITHM", jwtAlgorithm)
        jwtSecret = source.text("JWT_SECRET") ?? ""
        keyRotationDays = source.number("KEY_ROTATION_DAYS", 0...3_650, keyRotationDays)
        accessTokenLifetime = .minutes(Int64(source.number("ACCESS_TOKEN_EXPIRE_MINUTES", 1...1_440, 15)))
        bcryptRounds = source.number("BCRYPT_ROUNDS", 4...15, bcryptRounds)
        passwordMinimumLength = source.number("PASSWORD_MIN_LENGTH", 8...64, passwordMinimumLength)
        lockout = source.choice("LOCKOUT", lockout)
        authenticatorWindow = source.number("TOTP_WINDOW", 0...2, authenticatorWindow)
        trustedProxies = source.list("TRUSTED_PROXIES")
        for entry in trustedProxies where TrustedProxies([entry]) == nil {
            source.faults.append("TRUSTED_PROXIES: '\(entry)' is no address, no range such as 10.0.0.0/8, and not unix")
        }
        corsOrigins = source.list("CORS_ORIGINS")
        baseURL = source.text("BASE_URL") ?? ""
        frontendURL = source.webAddress("FRONTEND_URL") ?? ""
        smtpHost = source.text("SMTP_HOST")
        smtpSecurity = source.choice("SMTP_SECURITY", smtpSecurity)
        smtpPort = source.number("SMTP_PORT", 1...65_535, smtpSecurity == .tls ? 465 : 587)
        smtpUser = source.text("SMTP_USER")
        smtpPassword = source.text("SMTP_PASSWORD")
        smtpCAFile = source.text("SMTP_CA_FILE")
        fromEmail = source.text("FROM_EMAIL")
        fromName = source.text("FROM_NAME") ?? fromName
        plansFile = source.text("PLANS_FILE")
        redisURL = source.text("REDIS_URL") ?? ""
        redisCertificateAuthority = source.text("REDIS_CA_FILE")
        limitsRates = source.truth("RATE_LIMIT_ENABLED", limitsRates)
        visitorRequests = source.number("VISITOR_RATE_LIMIT_REQUESTS", 1...1_000_000, visitorRequests)
        authenticationRequests = source.number("AUTH_RATE_LIMIT_REQUESTS", 1...1_000_000, authenticationRequests)
        authenticationWindow = .seconds(source.number("AUTH_RATE_LIMIT_WINDOW_SECONDS", 1...86_400, 60))
        metricsToken = source.text("METRICS_TOKEN")
        nodeName = source.text("NODE_NAME")
        logLevel = source.choice("LOG_LEVEL", logLevel)
        self.logFormat = source.choice("LOG_FORMAT", logFormat)
        jobSlots = source.number("JOB_SLOTS", 0...64, jobSlots)
        jobLease = .seconds(source.number("JOB_LEASE_SECONDS", 3...600, 30))
        if jwtAlgorithm == .hs256, !jwtSecret.isEmpty, jwtSecret.count < 32 {
            source.faults.append("JWT_SECRET: has fewer than 32 characters")
        }
        given = Dictionary(uniqueKeysWithValues: Self.names.compactMap { name, _ in value(name).map { (name, $0) } })
        if !databaseURL.hasPrefix("sqlite:"), !databaseURL.hasPrefix("postgresql://"),
            !databaseURL.hasPrefix("postgres://")
        {
            source.faults.append("DATABASE_URL: begins with sqlite: or postgresql://")
        }
        source.faults += mailFaults
        if !redisURL.isEmpty {
            do throws(RedisAddress.ParseError) { _ = try RedisAddress(redisURL) } catch {
                source.faults.append("REDIS_URL: \(error)")
            }
        }
        if environment == .production { source.faults += productionFaults }
        guard source.faults.isEmpty else { throw ConfigurationFaults(faults: source.faults) }
    }

    /// What would keep mails from being sent; elsewhere than in production a server that nobody names is no fault.
    private var mailFaults: [String] {
        var faults: [String] = []
        if smtpHost != nil {
            if fromEmail == nil { faults.append("FROM_EMAIL: is required with SMTP_HOST") }
            if smtpUser != nil, smtpPassword == nil { faults.append("SMTP_PASSWORD: is required with SMTP_USER") }
            if smtpUser == nil, smtpPassword != nil { faults.append("SMTP_USER: is required with SMTP_PASSWORD") }
        } else if environment == .production {
            let given = [
                ("SMTP_USER", smtpUser), ("SMTP_PASSWORD", smtpPassword), ("SMTP_CA_FILE", smtpCAFile),
                ("FROM_EMAIL", fromEmail),
            ]
            if let (name, _) = given.first(where: { $0.1 != nil }) {
                faults.append("SMTP_HOST: is required with \(name)")
            }
        }
        if let host = smtpHost, smtpSecurity == .none, !["localhost", "127.0.0.1", "::1"].contains(host.lowercased()) {
            faults.append("SMTP_SECURITY: 'none' is only for a server on localhost, not for '\(host)'")
        }
        if let host = smtpHost, !host.utf8.allSatisfy({ Self.hostBytes.contains($0) }) {
            faults.append("SMTP_HOST: is a name or an address, without a port")
        }
        if let address = fromEmail, (try? Mailbox(address)) == nil {
            faults.append("FROM_EMAIL: '\(address)' is not an e-mail address")
        }
        if fromName.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
            faults.append("FROM_NAME: holds a control character")
        }
        if let file = smtpCAFile, !FileManager.default.isReadableFile(atPath: file) {
            faults.append("SMTP_CA_FILE: '\(file)' cannot be read")
        }
        return faults
    }

    /// What names and addresses of hosts are made of; nothing that could end a URL's host.
    private static let hostBytes = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:".utf8)

    private var productionFaults: [String] {
        var faults: [String] = []
        if secretKey.isEmpty {
            faults.append("SECRET_KEY: is required in production; `openssl rand -base64 48` makes one")
        } else if let weakness = Self.weakness(of: secretKey) {
            faults.append("SECRET_KEY: \(weakness)")
        }
        if jwtAlgorithm == .hs256 {
            if jwtSecret.isEmpty {
                faults.append("JWT_SECRET: is required with JWT_ALGORITHM=HS256; `openssl rand -base64 48` makes one")
            } else if jwtSecret.count >= 32, let weakness = Self.weakness(of: jwtSecret) {
                faults.append("JWT_SECRET: \(weakness)")
            }
        }
        if corsOrigins.contains("*") {
            faults.append("CORS_ORIGINS: '*' is not accepted in production; name the origins")
        }
        if bcryptRounds < 10 { faults.append("BCRYPT_ROUNDS: is below 10") }
        if baseURL.isEmpty { faults.append("BASE_URL: is required in production: tokens name it as their issuer") }
        return faults
    }

    private static func weakness(of secret: String) -> String? {
        let wellKnown = ["changeme", "secret", "password", "your-secret-key", "development", "gatehouse"]
        if secret.count < 32 { return "has fewer than 32 characters" }
        return wellKnown.contains { secret.lowercased().hasPrefix($0) } || Set(secret).count < 8
            ? "is a well-known default or too regular" : nil
    }
}

/// Everything that is wrong with a configuration.
package struct ConfigurationFaults: Error, CustomStringConvertible {
    package let faults: [String]
    package var description: String {
        "The configuration is not usable:\n" + faults.map { "  - \($0)" }.joined(separator: "\n")
    }
}

/// Reads names and gathers what is wrong with them, so that all faults are told at once.
private struct Source {
    var faults: [String] = []
    private let value: (String) -> String?

    init(_ value: @escaping (String) -> String?) { self.value = value }

    func text(_ name: String) -> String? { value(name) }

    /// An address of the web, without a slash at its end.
    mutating func webAddress(_ name: String) -> String? {
        guard let text = value(name) else { return nil }
        guard let parts = URLComponents(string: text), parts.scheme == "https" || parts.scheme == "http",
            parts.host?.isEmpty == false, parts.query == nil,
            parts.fragment == nil
        else {
            faults.append("\(name): is an address that begins with https:// or http://, without a query, not '\(text)'")
            return nil
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    /// What stands between commas.
    func list(_ name: String) -> [String] {
        (value(name) ?? "").split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
    }

    mutating func number(_ name: String, _ range: ClosedRange<Int>, _ fallback: Int) -> Int {
        guard let text = value(name) else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            faults.append("\(name): is a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
            return fallback
        }
        return number
    }

    /// The names of RFC 7518, in whatever case.
    mutating func algorithm(_ name: String, _ fallback: SigningAlgorithm) -> SigningAlgorithm {
        guard let text = value(name) else { return fallback }
        guard let algorithm = SigningAlgorithm.allCases.first(where: { $0.rawValue.lowercased() == text.lowercased() })
        else {
            faults.append(
                "\(name): is one of \(SigningAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")), not '\(text)'"
            )
            return fallback
        }
        return algorithm
    }

    mutating func truth(_ name: String, _ fallback: Bool) -> Bool {
        guard let text = value(name) else { return fallback }
        switch text.lowercased() {
        case "true", "1", "yes", "on": return true
        case "false", "0", "no", "off": return false
        default:
            faults.append("\(name): is true or false, not '\(text)'")
            return fallback
        }
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(_ name: String, _ fallback: Choice) -> Choice
    where Choice.RawValue == String {
        guard let text = value(name) else { return fallback }
        guard let choice = Choice(rawValue: text.lowercased()) else {
            faults.append(
                "\(name): is one of \(Choice.allCases.map(\.rawValue).joined(separator: ", ")), not '\(text)'")
            return fallback
        }
        return choice
    }
}
