import Configuration
import Foundation
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
    package var accessTokenLifetime: Duration = .minutes(15)
    package var bcryptRounds = 12
    package var passwordMinimumLength = 8
    package var corsOrigins: [String] = []
    /// The address under which clients reach this service: the issuer of tokens.
    package var baseURL = ""
    /// Where the pages are that links in mails open; `baseURL` when empty.
    package var frontendURL = ""
    package var plansFile: String?
    package var metricsToken: String?
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
        ("JWT_ALGORITHM", "RS256"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "1 to 1440; 15 by default"),
        ("BCRYPT_ROUNDS", "4 to 15; 12 by default, at least 10 in production"),
        ("PASSWORD_MIN_LENGTH", "8 to 64; 8 by default"),
        ("CORS_ORIGINS", "origins whose pages may call, separated by commas; none by default"),
        ("BASE_URL", "the address under which clients reach this service"),
        ("FRONTEND_URL", "the address of the pages that links in mails open, an allowed origin; BASE_URL by default"),
        ("PLANS_FILE", "a YAML file of plans in place of the built-in ones"),
        ("METRICS_TOKEN", "a bearer token that /metrics asks for; in production /metrics is closed without one"),
        ("LOG_LEVEL", "trace, debug, info (default), notice, warning, error or critical"),
        ("LOG_FORMAT", "json (default) or text"),
        ("JOB_SLOTS", "jobs at once in this process; 2 by default, 0 leaves them to `gatehouse work`"),
        ("JOB_LEASE_SECONDS", "how long work rests after its process was killed; 3 to 600, 30 by default"),
    ]

    /// Reads the environment and `.env`.
    /// - Parameter overrides: what a command's flags say, by the same names.
    /// - Throws: ``ConfigurationFaults`` naming every fault at once.
    package static func load(overrides: [String: String] = [:]) async throws -> Configuration {
        let file = try await EnvironmentVariablesProvider(environmentFilePath: ".env", allowMissing: true)
        let reader = ConfigReader(providers: [EnvironmentVariablesProvider(environmentVariables: overrides), EnvironmentVariablesProvider(), file])
        return try Configuration { name in
            let key = name.lowercased().split(separator: "_").joined(separator: ".")
            return reader.string(forKey: ConfigKey(key)).flatMap { $0.isEmpty ? nil : $0 }
        }
    }

    /// - Parameter value: the text of a name, nil where it is not set.
    init(reading value: @escaping (String) -> String?) throws {
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
        accessTokenLifetime = .minutes(Int64(source.number("ACCESS_TOKEN_EXPIRE_MINUTES", 1...1_440, 15)))
        bcryptRounds = source.number("BCRYPT_ROUNDS", 4...15, bcryptRounds)
        passwordMinimumLength = source.number("PASSWORD_MIN_LENGTH", 8...64, passwordMinimumLength)
        corsOrigins = (source.text("CORS_ORIGINS") ?? "").split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
        baseURL = source.text("BASE_URL") ?? ""
        frontendURL = source.webAddress("FRONTEND_URL") ?? ""
        plansFile = source.text("PLANS_FILE")
        metricsToken = source.text("METRICS_TOKEN")
        logLevel = source.choice("LOG_LEVEL", logLevel)
        logFormat = source.choice("LOG_FORMAT", logFormat)
        jobSlots = source.number("JOB_SLOTS", 0...64, jobSlots)
        jobLease = .seconds(source.number("JOB_LEASE_SECONDS", 3...600, 30))
        given = Dictionary(uniqueKeysWithValues: Self.names.compactMap { name, _ in value(name).map { (name, $0) } })
        if let algorithm = source.text("JWT_ALGORITHM"), algorithm != "RS256" {
            source.faults.append("JWT_ALGORITHM: only RS256 is offered, not '\(algorithm)'")
        }
        if !databaseURL.hasPrefix("sqlite:"), !databaseURL.hasPrefix("postgresql://"), !databaseURL.hasPrefix("postgres://") {
            source.faults.append("DATABASE_URL: begins with sqlite: or postgresql://")
        }
        if environment == .production { source.faults += productionFaults }
        guard source.faults.isEmpty else { throw ConfigurationFaults(faults: source.faults) }
    }

    private var productionFaults: [String] {
        var faults: [String] = []
        let wellKnown = ["changeme", "secret", "password", "your-secret-key", "development", "gatehouse"]
        if secretKey.isEmpty {
            faults.append("SECRET_KEY: is required in production; `openssl rand -base64 48` makes one")
        } else if secretKey.count < 32 {
            faults.append("SECRET_KEY: has fewer than 32 characters")
        } else if wellKnown.contains(where: { secretKey.lowercased().hasPrefix($0) }) || Set(secretKey).count < 8 {
            faults.append("SECRET_KEY: is a well-known default or too regular")
        }
        if corsOrigins.contains("*") { faults.append("CORS_ORIGINS: '*' is not accepted in production; name the origins") }
        if bcryptRounds < 10 { faults.append("BCRYPT_ROUNDS: is below 10") }
        if baseURL.isEmpty { faults.append("BASE_URL: is required in production: tokens name it as their issuer") }
        return faults
    }
}

/// Everything that is wrong with a configuration.
package struct ConfigurationFaults: Error, CustomStringConvertible {
    package let faults: [String]
    package var description: String { "The configuration is not usable:\n" + faults.map { "  - \($0)" }.joined(separator: "\n") }
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
        guard let parts = URLComponents(string: text), parts.scheme == "https" || parts.scheme == "http", parts.host?.isEmpty == false, parts.query == nil,
            parts.fragment == nil
        else {
            faults.append("\(name): is an address that begins with https:// or http://, without a query, not '\(text)'")
            return nil
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    mutating func number(_ name: String, _ range: ClosedRange<Int>, _ fallback: Int) -> Int {
        guard let text = value(name) else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            faults.append("\(name): is a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
            return fallback
        }
        return number
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(_ name: String, _ fallback: Choice) -> Choice where Choice.RawValue == String {
        guard let text = value(name) else { return fallback }
        guard let choice = Choice(rawValue: text.lowercased()) else {
            faults.append("\(name): is one of \(Choice.allCases.map(\.rawValue).joined(separator: ", ")), not '\(text)'")
            return fallback
        }
        return choice
    }
}
