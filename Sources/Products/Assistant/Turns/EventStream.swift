import HTTPTypes
import Modules

/// Server-sent events as a response.
struct EventStream: ResponseConvertible {
    let reader: TurnStream.Reader

    static var documented: [DocumentedResponse] {
        [DocumentedResponse(200, "The answer in parts", mediaType: "text/event-stream")]
    }

    func response() -> Response {
        var response = Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store", .xAccelBuffering: "no",
            ],
            body: .chunks { [reader] in { await reader.next() } }
        )
        response.onInputClosed = { [weak reader] in reader?.probe() }
        return response
    }
}
