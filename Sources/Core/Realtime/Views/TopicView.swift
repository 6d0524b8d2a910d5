import HTTPTypes
import Modules
import NIOCore

/// The messages of a topic in the representation that a request asks for.
enum TopicView: ResponseConvertible {
    case page(ByteBuffer)
    case stream(TopicStream)
    case webSocket(WebSocketUpgrade)

    static var documented: [DocumentedResponse] {
        let description = "Messages; 101 for a WebSocket"
        return [
            DocumentedResponse(200, description, mediaType: "application/json", payload: TopicPage.self),
            DocumentedResponse(200, description, mediaType: "text/event-stream"),
            DocumentedResponse(200, description, mediaType: "application/x-ndjson"),
            DocumentedResponse(101, "The connection is a WebSocket from here on"),
        ]
    }

    func response() -> Response {
        switch self {
        case .page(let json):
            var response = Response(json: json)
            response.headers[.vary] = "Accept"
            return response
        case .stream(let stream): return stream.response
        case .webSocket(let upgrade): return Response(upgrade)
        }
    }
}
