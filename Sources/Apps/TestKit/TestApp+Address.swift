import Base
import Identity

extension TestApp {
    /// Registers an account with this address, which an earlier account may have had.
    package func register(address email: String) async throws -> TestPerson {
        let response = await call(
            "POST", "/v1/auth/register", json: ["email": .string(email), "password": .string(Self.password)])
        guard let id = response["user"]?["id"]?.string.flatMap({ ID<Person>($0) }),
            let organisation = response["user"]?["organisation_id"]?.string,
            let token = response["access_token"]?.string, let refresh = response["refresh_token"]?.string,
            let csrf = response["csrf_token"]?.string
        else { throw UnexpectedResponse(response) }
        return TestPerson(
            id: id, organisation: organisation, email: email, password: Self.password, token: token,
            refreshToken: refresh, csrf: csrf)
    }
}
