import Base
import Secrets
import TestKit

@testable import Identity

/// What a person holds who set up a second factor.
struct Authenticator: Sendable {
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

    /// - Parameter distance: how many steps its clock is ahead.
    func code(_ app: TestApp, _ distance: Int64 = 0) -> String {
        TOTP(secret: secret).text(at: TOTP.step(at: app.clock.now.seconds) + distance)
    }

    /// Six digits that no step near this one has.
    func wrongCode(_ app: TestApp) -> String {
        let near = Set((-3...3).map { code(app, $0) })
        return ["000000", "111111", "222222", "333333", "444444", "555555", "666666", "777777"].first {
            !near.contains($0)
        } ?? ""
    }
}

extension TestApp {
    func personWithSecondFactor() async throws -> (TestPerson, Authenticator) {
        let person = try await register()
        let authenticator = try Authenticator(await mfa("setup", person, ["password": .string(person.password)]))
        let verified = await mfa("verify", person, ["code": .string(authenticator.code(self))])
        guard verified.status == 200 else { throw UnexpectedResponse(verified) }
        return (person, authenticator)
    }

    /// Asks for a change of somebody's second factor from the session that they registered in.
    func mfa(_ what: String, _ person: TestPerson, _ body: JSONValue) async -> TestResponse {
        await call("POST", "/v1/auth/mfa/\(what)", json: body, token: person.token)
    }
}
