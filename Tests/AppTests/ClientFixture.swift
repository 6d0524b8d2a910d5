import App
import Base
import Client
import Identity

/// An account, and requests with its token to a server process.
struct ClientFixture: Sendable {
    let id: String
    let token: String

    static func register(at server: ServerProcess, password: String) async throws -> ClientFixture {
        let client = Client(baseURL: server.baseURL)
        let response = try await client.request(
            .post, "/v1/auth/register", body: .json(["email": "user@example.org", "password": .string(password)]))
        await client.shutDown()
        guard let id = response.json?["user"]?["id"]?.string, let token = response.json?["access_token"]?.string else {
            throw Unexpected(response: "\(response)")
        }
        return ClientFixture(id: id, token: token)
    }

    /// Sends one request on a connection of its own: the connections of a killed server are closed.
    func send(_ server: ServerProcess, _ method: ClientMethod, _ path: String, _ body: ClientBody = .none) async throws
        -> ClientResponse
    {
        let client = Client(baseURL: server.baseURL).signedIn(with: token)
        return try await attempt {
            try await client.request(method, path, body: body)
        } finally: {
            await client.shutDown()
        }
    }

    /// Polls the status of a training session every 10 ms until `isExpected` is true.
    /// - Throws: ``Unexpected`` with the last status after `limit`.
    func wait(
        at server: ServerProcess, for session: String, atMost limit: Duration = .seconds(90),
        until isExpected: (JSONValue) -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + limit
        var latest: JSONValue = .null
        while ContinuousClock.now < deadline {
            latest = try await send(server, .get, "/v1/training/status/\(session)").json ?? .null
            if isExpected(latest) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Unexpected(response: "\(latest)")
    }

    /// Every message of the topic of a training session.
    func events(at server: ServerProcess, of session: String) async throws -> [JSONValue] {
        let identity = try await send(server, .get, "/v1/training/get-session-uuid/\(session)").json
        guard let id = identity?["sessionUuid"]?.string else { throw Unexpected(response: "\(identity ?? .null)") }
        var events: [JSONValue] = []
        var next: Int64 = 0
        while true {
            let page = try await send(server, .get, "/v1/realtime/topics/training.\(id)?after=\(next)").json
            guard let messages = page?["messages"]?.array, let last = page?["next"]?.integer else {
                throw Unexpected(response: "\(page ?? .null)")
            }
            if messages.isEmpty { return events }
            events += messages
            next = last
        }
    }

    struct Unexpected: Error {
        let response: String
    }
}
