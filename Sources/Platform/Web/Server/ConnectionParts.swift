import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import NIOWebSocket

/// What a connection's pipeline hands to its task.
enum InboundPart: Sendable {
    case head(RequestHead)
    case body(ByteBuffer)
    case end
    /// Nothing that follows can be understood.
    case fault(HTTPError)
    case frame(WebSocketFrame)
}

/// What a connection's task hands to its pipeline: bytes as they go over the wire, and what the pipeline has to know of
/// them.
enum OutboundPart: Sendable {
    /// A whole answer: its head, with its body or followed by it.
    case response(ByteBuffer, ByteBuffer?)
    /// The head of an answer that is not there as a whole, or the interim answer to `Expect: 100-continue`.
    case head(ByteBuffer)
    case piece(ByteBuffer)
    case end
    /// From here on both directions are WebSocket frames.
    case switchProtocols(ByteBuffer)
    case frame(WebSocketFrame)
}

/// The head of a request with what the connection has to know about it.
struct RequestHead: Sendable {
    let request: HTTPRequest
    /// What the version and the Connection field say.
    let keepsAlive: Bool
    let isVersion10: Bool
    let hasBody: Bool
    let announcedSize: Int?
    let expectsGoAhead: Bool
    /// The parser reads nothing after such a request, whether it is granted or not.
    let asksForUpgrade: Bool
}

extension RequestHead {
    /// - Throws: the fault to answer with.
    init(_ head: HTTPRequestHead, uriBytes: Int) throws(HTTPError) {
        guard head.uri.utf8.count <= uriBytes else { throw .uriTooLong }
        let fields = RequestFields(head.headers)
        isVersion10 = head.version == .http1_0
        // RFC 9112 §3.2: a request without a Host, or with two, is not to be guessed at.
        guard fields.hosts == 1 || (fields.hosts == 0 && isVersion10) else { throw .malformed }
        request = try Self.request(head, fields)
        announcedSize = fields.size.flatMap { Int($0) }
        // The parser lets sizes through that no Int holds.
        guard fields.size == nil || announcedSize != nil else { throw .malformed }
        hasBody = fields.isChunked || (announcedSize ?? 0) > 0
        expectsGoAhead = hasBody && !isVersion10 && fields.expectation?.lowercased() == "100-continue"
        asksForUpgrade = head.method == .CONNECT || fields.asksForUpgrade
        keepsAlive = head.isKeepAlive && !asksForUpgrade
    }

    private static func request(_ head: HTTPRequestHead, _ fields: RequestFields) throws(HTTPError) -> HTTPRequest {
        do {
            // The library's own conversion takes each target apart with Foundation; only the absolute form needs that.
            guard head.uri.hasPrefix("/") || head.uri == "*" || head.method == .CONNECT else {
                guard head.uri.hasPrefix("http://") || head.uri.hasPrefix("https://") else { throw HTTPError.malformed }
                return try HTTPRequest(head, secure: false, splitCookie: false)
            }
            return HTTPRequest(
                method: try HTTPRequest.Method(head.method),
                scheme: "http",
                authority: fields.host,
                path: head.uri,
                headerFields: fields.others
            )
        } catch {
            throw .malformed
        }
    }
}

/// The header fields of a request, and what they say of its connection and its body, read in one pass.
private struct RequestFields {
    /// All but the Host.
    var others = HTTPFields()
    var hosts = 0
    var host: String?
    var size: String?
    var isChunked = false
    var expectation: String?
    var asksForUpgrade = false

    init(_ headers: HTTPHeaders) {
        others.reserveCapacity(headers.count)
        for (name, value) in headers {
            // The parser has let through nothing that is no name.
            guard let name = HTTPField.Name(name) else { continue }
            switch name.canonicalName {
            case "host":
                hosts += 1
                host = value
                continue
            case "content-length": size = size ?? value
            case "transfer-encoding": isChunked = true
            case "expect": expectation = expectation ?? value
            case "upgrade": asksForUpgrade = true
            default: break
            }
            others.append(HTTPField(name: name, value: value))
        }
    }
}

extension HTTPError: Error {}
