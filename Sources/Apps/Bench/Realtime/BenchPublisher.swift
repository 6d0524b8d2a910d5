import Client
import NIOCore

/// Sends messages to the readers of a measurement.
enum BenchPublisher: Sendable {
    /// The endpoint of the bench's own server.
    case endpoint(Client, path: String)
    /// A WebSocket of a peer, which passes on what it receives.
    case socket(any Channel)

    /// The bytes of the padding: a message has about a hundred more than these.
    private static let bytes = 100

    /// Returns once the message is accepted; a peer accepts nothing.
    func send() async throws {
        let message = BenchMessage(bytes: Self.bytes)
        switch self {
        case .endpoint(let client, let path):
            let response = try await client.request(
                .post, path, body: .bytes(Array(message.json.utf8), mediaType: "application/json"))
            guard response.isSuccess else { throw Accounts.Failure(response: response) }
        case .socket(let channel): try await channel.writeAndFlush(SocketHandler.textFrame(message.json)).get()
        }
    }
}
