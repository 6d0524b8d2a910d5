import Foundation
import TestKit
import Testing

@testable import App

/// The templates of other services, and our own `.env.example`.
@Suite struct ConfigurationTemplateTests {
    private func faults(_ values: [String: String]) -> [String] {
        do {
            _ = try Configuration(environment: values)
            return []
        } catch let faults as ConfigurationFaults {
            return faults.faults
        } catch {
            return ["\(error)"]
        }
    }

    private static let placeholders = [
        "your-super-secret-key-change-this-in-production", "your_jwt_secret_key_here_min_32_characters",
        "my-SUPER-secret-jwt-key-0123456789abcdef", "please-CHANGE_ME-0123456789-abcdefghijklm",
        "change-it-before-you-go-to-production-0123", "generate-with-openssl-rand-hex-32-0123456",
        "<generate a secure key of 32 characters>", "dev-key-not-secure-0123456789-abcdefghij",
        "replace-this-with-a-random-string-0123456",
    ]

    @Test(arguments: placeholders)
    func `production refuses the placeholders of templates in every secret`(_ placeholder: String) {
        let strong = "q8Zr2Lw9Xc4Vb7Nm1Kp6Js3Hd5Fg0TyUe"
        let values = ["ENVIRONMENT": "production", "BASE_URL": "https://api.example", "SECRET_KEY": strong]
        #expect(faults(values).isEmpty)
        for (name, more) in [
            ("SECRET_KEY", [:]), ("ENCRYPTION_KEY", [:]), ("JWT_SECRET", [:]),
            ("JWT_SECRET", ["JWT_ALGORITHM": "HS256"]), ("JWT_SECRET_KEY", [:]),
        ] as [(String, [String: String])] {
            let found = faults(values.merging(more) { $1 }.merging([name: placeholder]) { $1 })
            #expect(found.count == 1, "\(name)")
            #expect(found.first?.contains("placeholder") == true, "\(name): \(found)")
            #expect(found.first?.contains(placeholder) == false)
        }
    }

    @Test func `keys of the payment provider that stand in templates are named, and so is half of an UPI account`() {
        let values = [
            "ENVIRONMENT": "production", "BASE_URL": "https://api.example",
            "SECRET_KEY": "q8Zr2Lw9Xc4Vb7Nm1Kp6Js3Hd5Fg0TyUe",
        ]
        for key in ["sk_live_your_key_here", "sk_live_your_stripe_secret"] {
            let stripe = ["STRIPE_SECRET_KEY": key, "STRIPE_WEBHOOK_SECRET": "whsec_q8Zr2Lw9Xc4Vb7Nm1Kp6Js3Hd5"]
            let found = faults(values.merging(stripe) { $1 })
            #expect(found == ["STRIPE_SECRET_KEY: is a placeholder of a template"], "\(key): \(found)")
        }
        let named = faults(values.merging(["UPI_MERCHANT_NAME": "Shop"]) { $1 })
        #expect(named == ["UPI_ID: is required with UPI_MERCHANT_NAME"], "\(named)")
    }

    @Test func `an encryption key of its own is as strong as the secret key in production`() {
        let values = [
            "ENVIRONMENT": "production", "BASE_URL": "https://api.example",
            "SECRET_KEY": "q8Zr2Lw9Xc4Vb7Nm1Kp6Js3Hd5Fg0TyUe", "ENCRYPTION_KEY": "short",
        ]
        #expect(faults(values) == ["ENCRYPTION_KEY: has fewer than 32 characters"])
    }

    @Test func `a list of Fernet keys is an encryption key, and one with a mistyped key is a fault`() {
        let keys = [
            "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        ]
        let values = ["SECRET_KEY": "q8Zr2Lw9Xc4Vb7Nm1Kp6Js3Hd5Fg0TyUe"]
        #expect(faults(values.merging(["ENCRYPTION_KEY": keys.joined(separator: ",")]) { $1 }).isEmpty)
        let mistyped = keys.joined(separator: ",") + ",AAECAwQF"
        #expect(
            faults(values.merging(["ENCRYPTION_KEY": mistyped]) { $1 })
                == ["ENCRYPTION_KEY: is a list of Fernet keys, and 1 of its 3 parts have another form"])
    }

    @Test func `the aliases of templates are read, and a setting's own name wins`() throws {
        let aliased = try Configuration(environment: [
            "ENV": "TEST", "API_HOST": "0.0.0.0", "API_PORT": "8000", "JWT_SECRET_KEY": "a-key", "POSTGRES_USER": "app",
            "POSTGRES_PASSWORD": "p@ss/word", "POSTGRES_HOST": "db", "POSTGRES_PORT": "5433", "POSTGRES_DB": "main",
            "REDIS_HOST": "cache", "REDIS_PORT": "6380", "REDIS_DB": "2", "REDIS_PASSWORD": "s p",
        ])
        #expect((aliased.environment, aliased.host, aliased.port) == (.test, "0.0.0.0", 8_000))
        #expect(aliased.jwtSecret == "a-key")
        #expect(aliased.databaseURL == "postgresql://app:p%40ss%2Fword@db:5433/main")
        #expect(aliased.redisURL == "redis://:s%20p@cache:6380/2")
        let own = try Configuration(environment: [
            "ENV": "PROD", "ENVIRONMENT": "test", "API_PORT": "8000", "PORT": "9000", "POSTGRES_HOST": "db",
            "DATABASE_URL": "sqlite:here.db", "REDIS_HOST": "cache", "REDIS_URL": "redis://other",
        ])
        #expect((own.environment, own.port, own.databaseURL) == (.test, 9_000, "sqlite:here.db"))
        #expect(own.redisURL == "redis://other")
        #expect(faults(["ENV": "staging"]).first?.hasPrefix("ENVIRONMENT: ") == true)
        #expect(try Configuration(environment: ["ENV": "", "API_PORT": ""]).port == 8_080)
    }

    @Test(arguments: [
        ("postgresql+asyncpg://u:p@h/d", "postgresql://u:p@h/d"), ("postgres+psycopg2://h/d", "postgres://h/d"),
        ("sqlite+aiosqlite:///./app.db", "sqlite:./app.db"), ("sqlite:////srv/app.db", "sqlite:/srv/app.db"),
        ("sqlite:/srv/app.db", "sqlite:/srv/app.db"), ("postgresql://h/a+b", "postgresql://h/a+b"),
    ])
    func `the driver in a database URL is left out`(_ given: String, _ read: String) throws {
        #expect(try Configuration(environment: ["DATABASE_URL": given]).databaseURL == read)
    }

    @Test func `DB_POOL_RECYCLE is the maximum age of a connection in seconds`() throws {
        for (text, age) in [("1800", .seconds(1_800)), ("0", .zero), ("-1", nil), ("", nil)] as [(String, Duration?)] {
            #expect(try Configuration(environment: ["DB_POOL_RECYCLE": text]).poolRecycle == age, "\(text)")
        }
        #expect(faults(["DB_POOL_RECYCLE": "-2"]).first?.hasPrefix("DB_POOL_RECYCLE: ") == true)
    }

    @Test func `names of templates without a meaning are listed once`() throws {
        let configuration = try Configuration(environment: [
            "GUNICORN_WORKERS": "4", "GUNICORN_TIMEOUT": "30", "DB_POOL_RECYCLE": "1800", "PATH": "/bin", "PORT": "1",
        ])
        #expect(configuration.ignoredNames == ["GUNICORN_TIMEOUT", "GUNICORN_WORKERS"])
        #expect(try Configuration(environment: ["PORT": "1"]).ignoredNames == [])
    }

    @Test func `a file of settings has comments, quotes and empty values`() {
        let file = EnvironmentFile(text: "# A=1\nB = 2 \nC=\"x = y\"\n\nD=\n'E'\nF='g'\n")
        #expect(file.values == ["B": "2", "C": "x = y", "F": "g"])
    }

    @Test func `the file env example lists every setting`() throws {
        let file = Repository.url(".env.example")
        if ProcessInfo.processInfo.environment["GATEHOUSE_UPDATE_SNAPSHOTS"] == "1" {
            try Configuration.example.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(
            try String(contentsOf: file, encoding: .utf8) == Configuration.example,
            "A setting has changed. Run `gatehouse config --example > .env.example`.")
        let names = Configuration.example.split(separator: "\n").compactMap { $0.wholeMatch(of: /#([A-Z_]+)=.*/)?.1 }
        #expect(names.map(String.init) == Configuration().settings.map(\.name))
    }
}
