import HTTPTypes
import Modules
import NIOCore

/// The messages of a subscription as a response that lasts: server-sent events, or one JSON object a line.
struct TopicStream: Sendable {
    enum Format: Sendable {
        case events
        case lines

        var mediaType: String {
            switch self {
            case .events: "text/event-stream; charset=utf-8"
            case .lines: "application/x-ndjson; charset=utf-8"
            }
        }
    }

    let subscription: Subscription
    let format: Format

    /// A stream without messages sends something this often, so that both ends find a broken connection.
    static let heartbeat = Duration.seconds(15)

    var response: Response {
        Response(
            status: .ok,
            headers: [
                .contentType: format.mediaType, .cacheControl: "no-store", .vary: "Accept", .xAccelBuffering: "no",
            ],
            body: .chunks { [self] in
                var isFirst = format == .events
                return {
                    defer { isFirst = false }
                    return isFirst ? Self.retry : try await next()
                }
            }
        )
    }

    /// The pause before a browser connects again, in milliseconds.
    private static let retry = ByteBuffer(string: "retry: 1000\n\n")

    private func next() async throws -> ByteBuffer? {
        guard let deliveries = try await subscription.next(within: Self.heartbeat) else { return nil }
        guard !deliveries.isEmpty else { return ByteBuffer(string: format == .events ? ": \n\n" : "\n") }
        var chunk = ByteBuffer()
        for delivery in deliveries { write(delivery, to: &chunk) }
        return chunk
    }

    private func write(_ delivery: Delivery, to chunk: inout ByteBuffer) {
        switch format {
        case .events:
            if let sequence = delivery.sequence { chunk.writeString("id: \(sequence)\n") }
            chunk.writeString("data: ")
            chunk.writeImmutableBuffer(delivery.json)
            chunk.writeString("\n\n")
        case .lines:
            chunk.writeImmutableBuffer(delivery.json)
            chunk.writeString("\n")
        }
    }
}
