import Base

extension TestApp {
    /// Registers an account with this address, which an earlier account may have had.
    package func register(address email: String) async throws -> TestPerson {
        let json: JSONValue = ["email": .string(email), "password": .string(Self.password)]
        return try person(await call("POST", "/v1/auth/register", json: json), email)
    }
}
