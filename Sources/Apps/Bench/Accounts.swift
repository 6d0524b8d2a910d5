import Base
import Client

/// People who sign up as anybody would.
enum Accounts {
    static let password = "correct horse battery"
    static func address(_ index: Int) -> String { "person-\(index)@example.org" }

    /// - Parameter plan: what they subscribe to; nil for nothing.
    /// - Returns: their access tokens.
    static func make(_ count: Int, at url: String, plan: String? = nil) async throws -> [String] {
        let client = Client(baseURL: url)
        var tokens: [String] = []
        do {
            for index in 0..<count {
                let account = try await client.post(
                    "/v1/auth/register", ["email": .string(address(index)), "password": .string(password)])
                guard account.status == 201, let token = account.json?["access_token"]?.string else {
                    throw Refused(response: account)
                }
                if let plan {
                    let subscription = try await client.signedIn(with: token).post(
                        "/v1/payments/subscribe", ["plan": .string(plan)])
                    guard subscription.status == 201 else { throw Refused(response: subscription) }
                }
                tokens.append(token)
            }
        } catch {
            await client.shutDown()
            throw error
        }
        await client.shutDown()
        return tokens
    }

    struct Refused: Error, CustomStringConvertible {
        let response: ClientResponse
        var description: String { "an account could not be made: \(response.status) \(response.text)" }
    }
}
