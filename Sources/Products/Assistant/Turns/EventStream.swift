import HTTPTypes
import Modules
import NIOCore

/// Server-sent events as a response.
struct EventStream: ResponseConvertible {
    let chunks: AsyncStream<ByteBuffer>

    static var documented: [DocumentedResponse] {
        [DocumentedResponse(200, "The answer in parts", mediaType: "text/event-stream")]
    }

    func response() -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store", .xAccelBuffering: "no",
            ],
            body: .chunks { [chunks] in
                var iterator = chunks.makeAsyncIterator()
                return { await iterator.next(isolation: #isolation) }
            }
        )
    }
}
