import App
import ArgumentParser
import Foundation
import Identity
import Mail
import Modules

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Show every setting, its value and where it comes from.",
        discussion: """
            Secrets are shown as set or not set. With faults, every one is named and the exit status is 2.

            EXAMPLES
              gatehouse config
              ENVIRONMENT=production gatehouse config --check

            NAMES
            \(EnvironmentHelp.table)
            """
    )

    @Flag(help: "Only say whether the configuration is usable.")
    var check = false

    @OptionGroup var listening: ListeningOptions
    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let overrides = installation.overrides.merging(listening.overrides) { $1 }
        let configuration = try await Configuration.load(overrides: overrides)
        if check { return Terminal.say("The configuration is usable.") }
        let origins = Origins(overrides: overrides)
        let rows = Configuration.names.map { [$0.name, configuration.shown($0.name), origins.origin(of: $0.name)] }
        Text.table([["NAME", "VALUE", "FROM"]] + rows).forEach { Terminal.say($0) }
    }
}

/// Where a name's value comes from, in the order in which it is looked for.
private struct Origins {
    let overrides: [String: String]
    let environment = ProcessInfo.processInfo.environment
    let file: Set<String>

    init(overrides: [String: String]) {
        self.overrides = overrides
        let lines = (try? String(contentsOfFile: ".env", encoding: .utf8))?.split(separator: "\n") ?? []
        file = Set(
            lines.map { $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false) }
                .filter { $0.count == 2 && !$0[1].allSatisfy(\.isWhitespace) }
                .map { $0[0].filter { !$0.isWhitespace } }
        )
    }

    func origin(of name: String) -> String {
        if overrides[name] != nil { return "flag" }
        if environment[name]?.isEmpty == false { return "environment" }
        return file.contains(name) ? ".env" : "default"
    }
}

extension Configuration {
    /// The value of a name as it may be shown.
    fileprivate func shown(_ name: String) -> String {
        switch name {
        case "ENVIRONMENT": environment.rawValue
        case "HOST": host
        case "PORT": "\(port)"
        case "DATA_DIR": dataFolder
        case "DATABASE_URL": Shown.address(databaseURL)
        case "DB_POOL_SIZE": "\(poolSize)"
        case "DB_MAX_OVERFLOW": "\(poolOverflow)"
        case "DB_POOL_TIMEOUT": "\(poolTimeout.components.seconds)"
        case "SECRET_KEY": Shown.secret(secretKey)
        case "ENCRYPTION_KEY": Shown.secret(encryptionKey)
        case "METRICS_TOKEN": Shown.secret(metricsToken)
        case "JWT_ALGORITHM": jwtAlgorithm.rawValue
        case "JWT_SECRET": Shown.secret(jwtSecret)
        case "KEY_ROTATION_DAYS": "\(keyRotationDays)"
        case "ACCESS_TOKEN_EXPIRE_MINUTES": "\(accessTokenLifetime.components.seconds / 60)"
        case "BCRYPT_ROUNDS": "\(bcryptRounds)"
        case "PASSWORD_MIN_LENGTH": "\(passwordMinimumLength)"
        case "LOCKOUT": lockout.rawValue
        case "TOTP_WINDOW": "\(authenticatorWindow)"
        case "TRUSTED_PROXIES": trustedProxies.isEmpty ? "-" : trustedProxies.joined(separator: ",")
        case "CORS_ORIGINS": corsOrigins.isEmpty ? "-" : corsOrigins.joined(separator: ",")
        case "BASE_URL": baseURL.isEmpty ? "-" : baseURL
        case "SMTP_HOST": smtpHost ?? "-"
        case "SMTP_PORT": "\(smtpPort)"
        case "SMTP_USER": smtpUser ?? "-"
        case "SMTP_PASSWORD": Shown.secret(smtpPassword)
        case "SMTP_SECURITY": smtpSecurity.rawValue
        case "SMTP_CA_FILE": smtpCAFile ?? "-"
        case "FROM_EMAIL": fromEmail ?? "-"
        case "FROM_NAME": fromName
        case "PLANS_FILE": plansFile ?? "-"
        case "REDIS_URL": redisURL.isEmpty ? "-" : Shown.address(redisURL)
        case "REDIS_CA_FILE": redisCertificateAuthority ?? "-"
        case "RATE_LIMIT_ENABLED": "\(limitsRates)"
        case "VISITOR_RATE_LIMIT_REQUESTS": "\(visitorRequests)"
        case "AUTH_RATE_LIMIT_REQUESTS": "\(authenticationRequests)"
        case "AUTH_RATE_LIMIT_WINDOW_SECONDS": "\(authenticationWindow.components.seconds)"
        case "LOG_LEVEL": logLevel.rawValue
        case "LOG_FORMAT": logFormat.rawValue
        case "JOB_SLOTS": "\(jobSlots)"
        case "JOB_LEASE_SECONDS": "\(jobLease.components.seconds)"
        // A name that was added since: that it might be a secret is the safe guess.
        default: "(not shown)"
        }
    }
}
