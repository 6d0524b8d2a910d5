import App
import Audit
import Base
import Foundation
import Mail
import Modules
import Secrets
import TestKit

@testable import Identity

extension TestApp {
    /// A sealer with the secret key of the installation.
    var sealer: Sealer {
        get throws {
            Sealer(secret: try String(contentsOfFile: "\(app.configuration.dataFolder)/secret.key", encoding: .utf8))
        }
    }

    var runtime: Runtime {
        let clock = clock
        return Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
    }

    /// Key rotation on the database of the installation, with changed settings.
    func rotation(
        sealer other: Sealer? = nil, database: (any Database)? = nil,
        change: (inout IdentitySettings) -> Void = { _ in }
    ) throws -> SigningKeyService {
        var settings = IdentitySettings(issuer: "http://localhost:8080")
        change(&settings)
        return SigningKeyService(
            database: database ?? app.database,
            sealer: try other ?? sealer,
            audit: AuditModule(
                database: database ?? app.database, sealer: try sealer, logger: app.logger, runtime: runtime
            ).service,
            settings: settings,
            runtime: runtime
        )
    }

    /// The identity module alone, on another database or with another audience.
    func withIdentity(
        on database: any Database, audience: String = "gatehouse", _ body: (IdentityModule) async throws -> Void
    ) async throws {
        let settings = IdentitySettings(
            issuer: "http://localhost:8080", audience: audience, bcryptCost: 4, hashingThreads: 1)
        try await body(
            IdentityModule(
                database: database,
                audit: AuditModule(database: database, sealer: sealer, logger: app.logger, runtime: runtime),
                mailer: Mailer(queue: app.queue, sealer: sealer, runtime: runtime),
                sealer: sealer,
                settings: settings,
                logger: app.logger,
                runtime: runtime
            )
        )
    }
}

extension Registration {
    static func fixture() -> Registration {
        Registration(email: "\(Hex.encode(Runtime.system.randomBytes(6)))@example.org", password: TestApp.password)
    }
}

extension ClientInfo {
    static let fixture = ClientInfo(address: "192.0.2.7", requestID: "a-test-request", userAgent: nil)
}
