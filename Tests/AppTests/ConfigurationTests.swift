import Base
import Configuration
import Foundation
import Identity
import Mail
import Modules
import Synchronization
import Testing

@testable import App

@Suite struct ConfigurationTests {
    private func read(_ values: [String: String]) throws -> Configuration { try Configuration(environment: values) }

    private func faults(_ values: [String: String]) -> [String] {
        do {
            _ = try read(values)
            return []
        } catch let faults as ConfigurationFaults {
            return faults.faults
        } catch {
            return ["\(error)"]
        }
    }

    @Test func `every variable has a default`() throws {
        let configuration = try read([:])
        #expect(configuration.environment == .development)
        #expect(configuration.host == "127.0.0.1")
        #expect(configuration.port == 8080)
        #expect(configuration.databaseURL == "sqlite:./data/gatehouse.db")
        #expect(configuration.accessTokenLifetime == .minutes(15))
        #expect(configuration.bcryptRounds == 12)
        #expect(configuration.corsOrigins == [])
        #expect(configuration.logFormat == .json)
        #expect(try Configuration(environment: [:], logFormat: .text).logFormat == .text)
        #expect(try Configuration(environment: ["LOG_FORMAT": "json"], logFormat: .text).logFormat == .json)
        #expect(configuration.jobLease == .seconds(30))
        #expect(configuration.limitsRates && configuration.redisURL.isEmpty)
        #expect((configuration.authenticationRequests, configuration.authenticationWindow) == (10, .seconds(60)))
    }

    @Test func `every variable is read`() throws {
        let configuration = try read([
            "ENVIRONMENT": "TEST", "HOST": "0.0.0.0", "PORT": "0", "DATA_DIR": "/var/lib/gatehouse",
            "DB_POOL_SIZE": "3", "DB_MAX_OVERFLOW": "0",
            "DB_POOL_TIMEOUT": "1", "DB_POOL_RECYCLE": "1800", "DB_STATEMENT_TIMEOUT": "2", "DRAIN_GRACE": "0",
            "SHUTDOWN_TIMEOUT": "5",
            "SECRET_KEY": "x", "ENCRYPTION_KEY": "y", "ACCESS_TOKEN_EXPIRE_MINUTES": "1", "BCRYPT_ROUNDS": "4",
            "PASSWORD_MIN_LENGTH": "10", "REGISTRATION_REVEALS": "false",
            "CORS_ORIGINS": " https://a.example , ,https://b.example", "BASE_URL": "https://api.example",
            "PLANS_FILE": "plans.yaml", "METRICS_TOKEN": "t",
            "FRONTEND_URL": "https://app.example/pages/",
            "LOG_LEVEL": "Warning",
            "LOG_FORMAT": "text", "JOB_SLOTS": "0", "JOB_LEASE_SECONDS": "3", "JWT_ALGORITHM": "eddsa",
            "JWT_SECRET": "z", "KEY_ROTATION_DAYS": "0", "LOCKOUT": "Strict", "TOTP_WINDOW": "2",
            "TRUSTED_PROXIES": "10.0.0.0/8, ::1,unix", "NODE_NAME": "north-1",
            "CONNECTIONS_PER_NETWORK": "5",
            "REDIS_URL": "rediss://:p@cache.example/1",
            "REDIS_CA_FILE": "ca.pem", "RATE_LIMIT_ENABLED": "False", "VISITOR_RATE_LIMIT_REQUESTS": "7",
            "AUTH_RATE_LIMIT_REQUESTS": "8",
            "AUTH_RATE_LIMIT_WINDOW_SECONDS": "9",
        ])
        #expect(
            (configuration.redisURL, configuration.redisCertificateAuthority) == (
                "rediss://:p@cache.example/1", "ca.pem"
            ))
        #expect(!configuration.limitsRates)
        #expect((configuration.anonymousRequests, configuration.authenticationRequests) == (7, 8))
        #expect(configuration.authenticationWindow == .seconds(9))
        #expect(configuration.nodeName == "north-1")
        #expect(configuration.environment == .test)
        #expect(configuration.host == "0.0.0.0")
        #expect(configuration.port == 0)
        #expect(configuration.databaseURL == "sqlite:/var/lib/gatehouse/gatehouse.db")
        #expect((configuration.poolSize, configuration.poolOverflow) == (3, 0))
        #expect((configuration.poolTimeout, configuration.statementTimeout) == (.seconds(1), .seconds(2)))
        #expect(configuration.poolRecycle == .seconds(1_800) && !configuration.registrationReveals)
        #expect((configuration.drainGrace, configuration.shutdownTimeout) == (.zero, .seconds(5)))
        #expect((configuration.secretKey, configuration.encryptionKey) == ("x", "y"))
        #expect(configuration.accessTokenLifetime == .minutes(1))
        #expect((configuration.bcryptRounds, configuration.passwordMinimumLength) == (4, 10))
        #expect(configuration.corsOrigins == ["https://a.example", "https://b.example"])
        #expect(configuration.lockout == .strict)
        #expect(configuration.authenticatorWindow == 2)
        #expect(configuration.trustedProxies == ["10.0.0.0/8", "::1", "unix"])
        #expect(configuration.connectionsPerNetwork == 5)
        #expect(configuration.baseURL == "https://api.example")
        #expect(configuration.frontendURL == "https://app.example/pages")
        #expect((configuration.plansFile, configuration.metricsToken) == ("plans.yaml", "t"))
        #expect(
            (configuration.jwtAlgorithm, configuration.jwtSecret, configuration.keyRotationDays) == (.edDSA, "z", 0))
        #expect(configuration.logLevel == .warning)
        #expect(configuration.logFormat == .text)
        #expect((configuration.jobSlots, configuration.jobLease) == (0, .seconds(3)))
    }

    @Test(arguments: [
        ("PORT", "65536"), ("PORT", "-1"), ("PORT", "eighty"), ("PORT", "80.0"), ("PORT", "99999999999999999999"),
        ("DB_POOL_SIZE", "0"),
        ("DB_MAX_OVERFLOW", "-1"), ("DB_POOL_TIMEOUT", "0"), ("DB_STATEMENT_TIMEOUT", "0"),
        ("SHUTDOWN_TIMEOUT", "0"), ("DRAIN_GRACE", "-1"), ("DRAIN_GRACE", "8"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "0"), ("ACCESS_TOKEN_EXPIRE_MINUTES", "1441"), ("BCRYPT_ROUNDS", "3"),
        ("BCRYPT_ROUNDS", "16"),
        ("PASSWORD_MIN_LENGTH", "7"), ("JOB_SLOTS", "65"),
        ("JOB_LEASE_SECONDS", "2"), ("ENVIRONMENT", "staging"), ("LOG_LEVEL", "loud"), ("LOCKOUT", "loose"),
        ("TOTP_WINDOW", "3"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,proxy.example"), ("TRUSTED_PROXIES", "10.0.0.0/33"), ("LOG_FORMAT", "xml"),
        ("JWT_ALGORITHM", "HS512"),
        ("JWT_ALGORITHM", "none"),
        ("FRONTEND_URL", "app.example"), ("FRONTEND_URL", "ftp://app.example"), ("FRONTEND_URL", "https://"),
        ("FRONTEND_URL", "https://app.example/?a=b"),
        ("KEY_ROTATION_DAYS", "-1"), ("KEY_ROTATION_DAYS", "3651"),
        ("DATABASE_URL", "mysql://localhost"), ("DATABASE_URL", "gatehouse.db"),
        ("REDIS_URL", "localhost:6379"), ("REDIS_URL", "redis://h:x"),
        ("RATE_LIMIT_ENABLED", "perhaps"), ("VISITOR_RATE_LIMIT_REQUESTS", "0"), ("AUTH_RATE_LIMIT_REQUESTS", "-1"),
        ("AUTH_RATE_LIMIT_WINDOW_SECONDS", "0"),
    ])
    func `a fault starts with the name of the variable whose value is out of bounds`(_ name: String, _ value: String) {
        let found = faults([name: value])
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("\(name): ") == true, "\(found)")
    }

    @Test func `production reports all faults at once`() {
        let found = faults([
            "ENVIRONMENT": "production", "CORS_ORIGINS": "https://a.example,*", "BCRYPT_ROUNDS": "9", "PORT": "x",
        ])
        #expect(
            found.map { $0.prefix { $0 != ":" } } == [
                "PORT", "SECRET_KEY", "CORS_ORIGINS", "BCRYPT_ROUNDS", "BASE_URL",
            ])
        let text = ConfigurationFaults(faults: found).description
        #expect(text.hasPrefix("The configuration is not usable:\n  - PORT"))
        #expect(text.split(separator: "\n").count == 6)
    }

    @Test(arguments: [
        ("", "is required"), ("short", "has fewer than 32 characters"),
        (String(repeating: "k7", count: 15), "has fewer than 32 characters"),
        (String(repeating: "ab", count: 20), "well-known default or too regular"),
        ("changeme-0123456789-abcdefghijklmnop", "well-known default"),
        ("Your-Secret-Key-0123456789-abcdefghij", "well-known default"),
        ("gatehouse-0123456789-abcdefghijklmnop", "well-known default"),
    ])
    func `production refuses short, well-known and regular secrets`(_ secret: String, _ reason: String) {
        var values = ["ENVIRONMENT": "production", "BASE_URL": "https://api.example"]
        if !secret.isEmpty { values["SECRET_KEY"] = secret }
        let found = faults(values)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("SECRET_KEY: ") == true)
        #expect(found.first?.contains(reason) == true)
        // The fault does not contain the secret.
        if !secret.isEmpty { #expect(found.first?.contains(secret) == false) }
    }

    @Test func `JWT_SECRET has 32 characters or more, and is required in production`() {
        let production = [
            "ENVIRONMENT": "production", "SECRET_KEY": "q8Zr2Lw9Xc4Vb7Nm1Kp6Js3Hd5Fg0TyUe",
            "BASE_URL": "https://api.example", "JWT_ALGORITHM": "HS256",
        ]
        func found(_ secret: String?, _ values: [String: String] = ["JWT_ALGORITHM": "HS256"]) -> [String] {
            faults(values.merging(secret.map { ["JWT_SECRET": $0] } ?? [:]) { $1 })
        }
        #expect(found(nil) == [])
        #expect(found("short") == ["JWT_SECRET: has fewer than 32 characters"])
        #expect(found("short", [:]) == [])
        #expect(found(nil, production).map { $0.prefix { $0 != ":" } } == ["JWT_SECRET"])
        #expect(found("short", production) == ["JWT_SECRET: has fewer than 32 characters"])
        #expect(
            found("changeme-0123456789-abcdefghijklmnop", production) == [
                "JWT_SECRET: is a placeholder of a template, or a well-known default"
            ])
        #expect(found("b7Nm1Kp6Js3Hd5Fg0TyUeq8Zr2Lw9Xc4V", production) == [])
    }

    @Test func `production starts with a secret key and a base URL`() throws {
        let configuration = try read([
            "ENVIRONMENT": "production", "SECRET_KEY": "q8Zr2Lw9Xc4Vb7Nm1Kp6Js3Hd5Fg0TyUe",
            "BASE_URL": "https://api.example",
        ])
        #expect(configuration.environment == .production)
    }

    @Test func `the settings of a collector of traces are read, and its fields are decoded`() throws {
        let off = try read([:])
        #expect(off.tracesURL == nil && off.tracesServiceName == "gatehouse" && off.tracesSampledShare == 1)
        let traced = try read([
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example:4318/base/",
            "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20abc==, x-team = a%2Cb ,",
            "OTEL_SERVICE_NAME": "shop", "OTEL_TRACES_SAMPLER_ARG": "0.25",
        ])
        #expect(traced.tracesURL == "https://collector.example:4318/base/v1/traces")
        let fields = traced.tracesFields?.map { "\($0.name): \($0.value)" }
        #expect(fields == ["Authorization: Basic abc==", "x-team: a,b"])
        #expect(traced.tracesServiceName == "shop" && traced.tracesSampledShare == 0.25)
        let shown = traced.settings.first { $0.name == "OTEL_EXPORTER_OTLP_HEADERS" }
        #expect(shown?.value == "set")
    }

    @Test(arguments: [
        ("https://collector.example:4318/v1/token-hunter2/", "https://collector.example:4318/…"),
        ("https://collector.example?key=hunter2", "https://collector.example/…"),
        ("https://user:hunter2@collector.example/hunter2", "https://user:…@collector.example/…"),
        ("https://collector.example:4318/", "https://collector.example:4318/"),
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318"), ("hunter2", "…"), ("", ""),
    ])
    func `the path of the collector's URL, which may be a key, is not shown`(_ url: String, _ shown: String) throws {
        #expect(Setting.redactedPath(url) == shown)
        guard url.contains("token-hunter2") else { return }
        let settings = try read(["OTEL_EXPORTER_OTLP_ENDPOINT": url]).settings
        let collector = settings.first { $0.name == "OTEL_EXPORTER_OTLP_ENDPOINT" }
        #expect(collector?.value == shown)
        #expect(settings.allSatisfy { !$0.value.contains("hunter2") })
    }

    @Test(arguments: [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://user:p@host"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://host/?key=1"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://host:4317"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "no-value"), ("OTEL_EXPORTER_OTLP_HEADERS", "a b=c"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=%0d%0ab"), ("OTEL_EXPORTER_OTLP_HEADERS", "a=%"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
    ])
    func `a faulty setting of a collector is named, without its secret`(_ name: String, _ value: String) {
        let values = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"].merging([name: value]) { $1 }
        let found = faults(values)
        #expect(found.count == 1 && found.allSatisfy { $0.hasPrefix("\(name): ") }, "\(found)")
        #expect(name == "OTEL_TRACES_SAMPLER_ARG" || !found.joined().contains(value))
    }

    @Test func `fields for a collector need one`() {
        #expect(
            faults(["OTEL_EXPORTER_OTLP_HEADERS": "a=b"]) == [
                "OTEL_EXPORTER_OTLP_ENDPOINT: is required with OTEL_EXPORTER_OTLP_HEADERS"
            ])
    }

    @Test func `the documented variables are the variables that are read`() throws {
        let reporter = ReadNames()
        let provider = EnvironmentVariablesProvider(environmentVariables: [:])
        let configuration = try Configuration(reading: ConfigReader(provider: provider, accessReporter: reporter))
        let files = configuration.settings.filter(\.hasFile).map { Setting.fileName(of: $0.name) }
        #expect(reporter.names == Set(configuration.settings.map(\.name) + files))
        #expect(reporter.names.count == configuration.settings.count + files.count)
        #expect(configuration.settings.allSatisfy { !$0.meaning.isEmpty })
    }

    @Test func `secrets and URLs are read from files, and a value of its own wins`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func file(_ name: String, _ text: String) throws -> String {
            let url = folder.appending(path: name)
            try Data(text.utf8).write(to: url)
            return url.path(percentEncoded: false)
        }
        let files = [
            "SECRET_KEY_FILE": try file("key", "from a file\n"),
            "DATABASE_URL_FILE": try file("url", "postgresql://app:p@db/main\r\n"),
            "STRIPE_WEBHOOK_SECRET_FILE": try file("secrets", "one,two"),
        ]
        let configuration = try read(files.merging(["POSTGRES_HOST": "other"]) { $1 })
        #expect(configuration.secretKey == "from a file")
        #expect(configuration.databaseURL == "postgresql://app:p@db/main")
        #expect(configuration.stripeWebhookSecrets == ["one", "two"])
        #expect(configuration.given["SECRET_KEY"] == "from a file" && configuration.given["SECRET_KEY_FILE"] == nil)
        #expect(try read(files.merging(["SECRET_KEY": "own"]) { $1 }).secretKey == "own")

        let missing = folder.appending(path: "missing").path(percentEncoded: false)
        #expect(faults(["SECRET_KEY_FILE": missing]) == ["SECRET_KEY_FILE: \(missing) does not exist."])
        let empty = try file("empty", "\n")
        #expect(faults(["METRICS_TOKEN_FILE": empty]) == ["METRICS_TOKEN_FILE: \(empty) is empty."])
        let large = try file("large", String(repeating: "x", count: 65_537))
        #expect(faults(["SECRET_KEY_FILE": large]) == ["SECRET_KEY_FILE: \(large) has more than 65536 bytes."])
        // Only secrets and URLs: the other names are not read.
        #expect(try read(["PORT_FILE": missing]).port == 8_080)
    }

    @Test func `command options override variables, and the .env file is optional`() async throws {
        let configuration = try await Configuration.load(overrides: ["PORT": "4711", "DATA_DIR": "/tmp/other"])
        #expect(configuration.port == 4711)
        #expect(configuration.databaseURL.contains("/tmp/other"))
        await #expect(throws: ConfigurationFaults.self) { try await Configuration.load(overrides: ["PORT": "x"]) }
    }

    @Test func `the settings of a mail server are read`() throws {
        let mail = try read([
            "SMTP_HOST": "smtp.example", "SMTP_USER": "u", "SMTP_PASSWORD": "p", "SMTP_CA_FILE": "/dev/null",
            "FROM_EMAIL": "noreply@gatehouse.example",
            "FROM_NAME": "Gatehouse",
        ])
        #expect((mail.smtpHost, mail.smtpPort, mail.smtpSecurity) == ("smtp.example", 587, .starttls))
        #expect((mail.smtpUser, mail.smtpPassword, mail.smtpCAFile) == ("u", "p", "/dev/null"))
        #expect((mail.fromEmail, mail.fromName) == ("noreply@gatehouse.example", "Gatehouse"))
        #expect(
            try read(["SMTP_HOST": "smtp.example", "FROM_EMAIL": "a@b.example", "SMTP_SECURITY": "tls"]).smtpPort == 465
        )
        #expect(
            try read([
                "SMTP_HOST": "localhost", "FROM_EMAIL": "a@b.example", "SMTP_SECURITY": "none", "SMTP_PORT": "1025",
            ]).smtpPort == 1025)
    }

    @Test(arguments: [
        (["SMTP_HOST": "smtp.example"], "FROM_EMAIL"),
        (["SMTP_HOST": "smtp.example", "FROM_EMAIL": "a@b.example", "SMTP_USER": "u"], "SMTP_PASSWORD"),
        (["SMTP_HOST": "smtp.example", "FROM_EMAIL": "a@b.example", "SMTP_PASSWORD": "p"], "SMTP_USER"),
        (["SMTP_HOST": "smtp.example", "FROM_EMAIL": "a@b.example", "SMTP_SECURITY": "none"], "SMTP_SECURITY"),
        (["SMTP_HOST": "smtp.example", "FROM_EMAIL": "a@b.example", "SMTP_SECURITY": "maybe"], "SMTP_SECURITY"),
        (["SMTP_HOST": "smtp.example", "FROM_EMAIL": "no-domain"], "FROM_EMAIL"),
        (
            ["SMTP_HOST": "smtp.example", "FROM_EMAIL": "a@b.example", "FROM_NAME": "a\r\nBcc: x@y.example"],
            "FROM_NAME"
        ),
        (["SMTP_HOST": "smtp.example/x", "FROM_EMAIL": "a@b.example"], "SMTP_HOST"),
        (["SMTP_HOST": "smtp.example", "FROM_EMAIL": "a@b.example", "SMTP_PORT": "0"], "SMTP_PORT"),
        (["SMTP_HOST": "smtp.example", "FROM_EMAIL": "a@b.example", "SMTP_CA_FILE": "/no/such/file"], "SMTP_CA_FILE"),
    ])
    func `a partly configured mail server is reported with the missing or wrong variable`(
        _ values: [String: String], _ name: String
    ) {
        let found = faults(values)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("\(name):") == true)
    }

    @Test(arguments: ["SMTP_USER", "SMTP_PASSWORD", "FROM_EMAIL"])
    func `in production the settings of a mail server require SMTP_HOST`(_ name: String) {
        let values = [
            "ENVIRONMENT": "production", "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz",
            "BASE_URL": "https://api.example",
        ]
        #expect(faults(values).isEmpty)
        #expect(faults(values.merging([name: "a@b.example"]) { $1 }) == ["SMTP_HOST: is required with \(name)"])
    }
}

/// Records the names of the settings that are read.
private final class ReadNames: AccessReporter {
    private let found = Mutex<Set<String>>([])
    var names: Set<String> { found.withLock { $0 } }

    func report(_ event: AccessEvent) {
        let name = event.metadata.key.components.joined(separator: "_").uppercased()
        found.withLock { _ = $0.insert(name) }
    }
}
