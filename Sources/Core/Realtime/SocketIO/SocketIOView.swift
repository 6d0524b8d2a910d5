import Modules

/// The response to a request of Engine.IO: a payload of packets, or a WebSocket.
enum SocketIOView: ResponseConvertible {
    case payload(String)
    case webSocket(WebSocketUpgrade)

    static var documented: [DocumentedResponse] {
        [
            DocumentedResponse(200, "Packets of Engine.IO", mediaType: "text/plain"),
            DocumentedResponse(101, "The connection is a WebSocket from here on"),
        ]
    }

    func response() -> Response {
        switch self {
        case .payload(let text): Response(text: text, mediaType: "text/plain; charset=UTF-8")
        case .webSocket(let upgrade): Response(upgrade)
        }
    }
}
