import Base
import Client

/// Accounts that are registered for a measurement.
enum Accounts {
    static let password = "correct horse battery"
    static func email(_ index: Int) -> String { "person-\(index)@example.org" }

    /// Registers accounts over HTTP.
    /// - Parameter plan: what they subscribe to; nil for no subscription.
    /// - Returns: their access tokens.
    /// - Throws: ``Failure`` for a response other than 201.
    static func register(_ count: Int, at url: String, plan: String? = nil) async throws -> [String] {
        let client = Client(baseURL: url)
        return try await attempt {
            var tokens: [String] = []
            for index in 0..<count {
                let account = try await client.post(
                    "/v1/auth/register", ["email": .string(email(index)), "password": .string(password)])
                guard account.status == 201, let token = account.json?["access_token"]?.string else {
                    throw Failure(response: account)
                }
                if let plan {
                    let subscription = try await client.signedIn(with: token).post(
                        "/v1/payments/subscribe", ["plan": .string(plan)])
                    guard subscription.status == 201 else { throw Failure(response: subscription) }
                }
                tokens.append(token)
            }
            return tokens
        } finally: {
            await client.shutDown()
        }
    }

    struct Failure: Error, CustomStringConvertible {
        let response: ClientResponse
        var description: String { "an account was not registered: \(response.status) \(response.text)" }
    }
}
