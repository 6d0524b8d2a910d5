import Base
import Modules
import Testing

@testable import App

@Suite struct ConfigurationTests {
    private func read(_ values: [String: String]) throws -> Configuration { try Configuration { values[$0] } }

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

    @Test func `nothing has to be set`() throws {
        let configuration = try read([:])
        #expect(configuration.environment == .development)
        #expect(configuration.host == "127.0.0.1")
        #expect(configuration.port == 8080)
        #expect(configuration.databaseURL == "sqlite:./data/gatehouse.db")
        #expect(configuration.accessTokenLifetime == .minutes(15))
        #expect(configuration.bcryptRounds == 12)
        #expect(configuration.corsOrigins == [])
        #expect(configuration.logFormat == .json)
        #expect(configuration.jobLease == .seconds(30))
    }

    @Test func `everything can be set`() throws {
        let configuration = try read([
            "ENVIRONMENT": "TEST", "HOST": "0.0.0.0", "PORT": "0", "DATA_DIR": "/var/lib/gatehouse", "DB_POOL_SIZE": "3", "DB_MAX_OVERFLOW": "0",
            "DB_POOL_TIMEOUT": "1",
            "SECRET_KEY": "x", "ENCRYPTION_KEY": "y", "ACCESS_TOKEN_EXPIRE_MINUTES": "1", "BCRYPT_ROUNDS": "4", "PASSWORD_MIN_LENGTH": "10",
            "CORS_ORIGINS": " https://a.example , ,https://b.example", "BASE_URL": "https://api.example", "PLANS_FILE": "plans.yaml", "METRICS_TOKEN": "t",
            "FRONTEND_URL": "https://app.example/pages/",
            "LOG_LEVEL": "Warning",
            "LOG_FORMAT": "text", "JOB_SLOTS": "0", "JOB_LEASE_SECONDS": "3", "JWT_ALGORITHM": "RS256",
        ])
        #expect(configuration.environment == .test)
        #expect(configuration.host == "0.0.0.0")
        #expect(configuration.port == 0)
        #expect(configuration.databaseURL == "sqlite:/var/lib/gatehouse/gatehouse.db")
        #expect((configuration.poolSize, configuration.poolOverflow) == (3, 0))
        #expect(configuration.poolTimeout == .seconds(1))
        #expect((configuration.secretKey, configuration.encryptionKey) == ("x", "y"))
        #expect(configuration.accessTokenLifetime == .minutes(1))
        #expect((configuration.bcryptRounds, configuration.passwordMinimumLength) == (4, 10))
        #expect(configuration.corsOrigins == ["https://a.example", "https://b.example"])
        #expect(configuration.baseURL == "https://api.example")
        #expect(configuration.frontendURL == "https://app.example/pages")
        #expect((configuration.plansFile, configuration.metricsToken) == ("plans.yaml", "t"))
        #expect(configuration.logLevel == .warning)
        #expect(configuration.logFormat == .text)
        #expect((configuration.jobSlots, configuration.jobLease) == (0, .seconds(3)))
    }

    @Test(arguments: [
        ("PORT", "65536"), ("PORT", "-1"), ("PORT", "eighty"), ("PORT", "80.0"), ("PORT", "99999999999999999999"), ("DB_POOL_SIZE", "0"),
        ("DB_MAX_OVERFLOW", "-1"), ("DB_POOL_TIMEOUT", "0"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "0"), ("ACCESS_TOKEN_EXPIRE_MINUTES", "1441"), ("BCRYPT_ROUNDS", "3"), ("BCRYPT_ROUNDS", "16"),
        ("PASSWORD_MIN_LENGTH", "7"), ("JOB_SLOTS", "65"),
        ("JOB_LEASE_SECONDS", "2"), ("ENVIRONMENT", "staging"), ("LOG_LEVEL", "loud"), ("LOG_FORMAT", "xml"), ("JWT_ALGORITHM", "HS256"),
        ("JWT_ALGORITHM", "none"),
        ("FRONTEND_URL", "app.example"), ("FRONTEND_URL", "ftp://app.example"), ("FRONTEND_URL", "https://"), ("FRONTEND_URL", "https://app.example/?a=b"),
        ("DATABASE_URL", "mysql://localhost"), ("DATABASE_URL", "gatehouse.db"),
    ])
    func `a value out of bounds is named with what it may be`(_ name: String, _ value: String) {
        let found = faults([name: value])
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("\(name): ") == true, "\(found)")
    }

    @Test func `production names everything that is missing, at once`() {
        let found = faults(["ENVIRONMENT": "production", "CORS_ORIGINS": "https://a.example,*", "BCRYPT_ROUNDS": "9", "PORT": "x"])
        #expect(found.map { $0.prefix { $0 != ":" } } == ["PORT", "SECRET_KEY", "CORS_ORIGINS", "BCRYPT_ROUNDS", "BASE_URL"])
        let text = ConfigurationFaults(faults: found).description
        #expect(text.hasPrefix("The configuration is not usable:\n  - PORT"))
        #expect(text.split(separator: "\n").count == 6)
    }

    @Test(arguments: [
        ("", "is required"), ("short", "has fewer than 32 characters"), (String(repeating: "k7", count: 15), "has fewer than 32 characters"),
        (String(repeating: "ab", count: 20), "well-known default or too regular"), ("changeme-0123456789-abcdefghijklmnop", "well-known default"),
        ("Your-Secret-Key-0123456789-abcdefghij", "well-known default"), ("gatehouse-0123456789-abcdefghijklmnop", "well-known default"),
    ])
    func `production takes no secret that can be guessed`(_ secret: String, _ reason: String) {
        var values = ["ENVIRONMENT": "production", "BASE_URL": "https://api.example"]
        if !secret.isEmpty { values["SECRET_KEY"] = secret }
        let found = faults(values)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("SECRET_KEY: ") == true)
        #expect(found.first?.contains(reason) == true)
        // The fault tells what is wrong with the secret, not the secret.
        if !secret.isEmpty { #expect(found.first?.contains(secret) == false) }
    }

    @Test func `production starts with what it needs`() throws {
        let configuration = try read(["ENVIRONMENT": "production", "SECRET_KEY": "q8Zr2Lw9Xc4Vb7Nm1Kp6Js3Hd5Fg0TyUe", "BASE_URL": "https://api.example"])
        #expect(configuration.environment == .production)
    }

    @Test func `every name that is read is documented, and the other way round`() throws {
        var asked: Set<String> = []
        _ = try Configuration { name in
            asked.insert(name)
            return nil
        }
        #expect(asked == Set(Configuration.names.map(\.name)))
        #expect(Configuration.names.allSatisfy { !$0.meaning.isEmpty })
    }

    @Test func `what a command says wins, and no env file is needed`() async throws {
        let configuration = try await Configuration.load(overrides: ["PORT": "4711", "DATA_DIR": "/tmp/elsewhere"])
        #expect(configuration.port == 4711)
        #expect(configuration.databaseURL.contains("/tmp/elsewhere"))
        await #expect(throws: ConfigurationFaults.self) { try await Configuration.load(overrides: ["PORT": "x"]) }
    }
}
