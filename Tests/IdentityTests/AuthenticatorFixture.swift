import Base
import Secrets
import TestKit

@testable import Identity

/// The TOTP secret and the recovery codes of an account with a second factor.
struct AuthenticatorFixture: Sendable {
    let secret: [UInt8]
    let recoveryCodes: [String]

    init(_ setup: TestResponse) throws {
        guard let secret = setup["secret"]?.string.flatMap({ Base32.decode($0) }),
            let codes = setup["backup_codes"]?.array
        else {
            throw UnexpectedResponse(setup)
        }
        self.secret = secret
        recoveryCodes = codes.compactMap(\.string)
    }

    /// - Parameter distance: the number of time steps by which the authenticator's clock is ahead.
    func code(_ app: TestApp, _ distance: Int64 = 0) -> String {
        TOTP(secret: secret).text(at: TOTP.step(at: app.clock.now.seconds) + distance)
    }

    /// A code that is wrong for every time step within three of the current one.
    func wrongCode(_ app: TestApp) -> String {
        let near = Set((-3...3).map { code(app, $0) })
        return ["000000", "111111", "222222", "333333", "444444", "555555", "666666", "777777"].first {
            !near.contains($0)
        } ?? ""
    }
}

extension TestApp {
    func registerWithMFA() async throws -> (TestPerson, AuthenticatorFixture) {
        let person = try await register()
        let authenticator = try AuthenticatorFixture(await mfa("setup", person, ["password": .string(person.password)]))
        let verified = await mfa("verify", person, ["code": .string(authenticator.code(self))])
        guard verified.status == 200 else { throw UnexpectedResponse(verified) }
        return (person, authenticator)
    }

    /// Sends a request to an MFA endpoint with the access token from registration.
    func mfa(_ endpoint: String, _ person: TestPerson, _ body: JSONValue) async -> TestResponse {
        await call("POST", "/v1/auth/mfa/\(endpoint)", json: body, token: person.token)
    }
}
