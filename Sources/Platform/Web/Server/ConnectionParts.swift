import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// What the pipeline of a connection delivers to its task.
enum InboundPart: Sendable {
    case head(RequestHead)
    case body(ByteBuffer)
    case end
    /// The last part: nothing after it can be parsed.
    case fault(HTTPError)
    /// Of a WebSocket.
    case message(WebSocketMessage)
}

extension InboundPart {
    var bodyBytes: Int {
        switch self {
        case .body(let chunk): chunk.readableBytes
        case .message(let message): message.byteCount
        case .head, .end, .fault: 0
        }
    }
}

/// What the task of a connection writes to its pipeline: serialized bytes, by their role in the response.
enum OutboundPart: Sendable {
    /// A complete response: the head, with the body in the same buffer or in the second one.
    case response(ByteBuffer, ByteBuffer?)
    /// The head of a response whose chunks follow, or the interim 100 response.
    case head(ByteBuffer)
    case chunk(ByteBuffer)
    case end
    /// The head of a 101 response. After it, both directions carry WebSocket frames.
    case switchProtocols(ByteBuffer, WebSocketUpgrade)
    /// A whole frame of a WebSocket.
    case frame(ByteBuffer)
}

/// The head of a request, with its framing.
struct RequestHead: Sendable {
    let request: HTTPRequest
    /// By the HTTP version and the `Connection` field.
    let keepsAlive: Bool
    let isVersion10: Bool
    let hasBody: Bool
    let announcedSize: Int?
    let expectsContinue: Bool
    /// The decoder parses nothing after such a request, whether or not it is granted.
    let requestsUpgrade: Bool
}

extension RequestHead {
    /// - Parameter isSecure: whether the connection is encrypted.
    /// - Throws: `uriTooLong`, `malformed`.
    init(_ head: HTTPRequestHead, uriBytes: Int, isSecure: Bool) throws(HTTPError) {
        guard head.uri.utf8.count <= uriBytes else { throw .uriTooLong }
        let fields = RequestFields(head.headers)
        isVersion10 = head.version == .http1_0
        // RFC 9112 §3.2: a request without a Host, or with two, is answered 400.
        guard fields.hosts == 1 || (fields.hosts == 0 && isVersion10) else { throw .malformed }
        request = try Self.request(head, fields, isSecure: isSecure)
        announcedSize = fields.size.flatMap { Int($0) }
        // The decoder accepts sizes that exceed Int.
        guard fields.size == nil || announcedSize != nil else { throw .malformed }
        // A transfer coding below "chunked" would reach the handler as the body.
        guard fields.codings.allSatisfy({ $0.lowercased() == "chunked" }) else { throw .malformed }
        hasBody = !fields.codings.isEmpty || (announcedSize ?? 0) > 0
        expectsContinue = hasBody && !isVersion10 && fields.expectation?.lowercased() == "100-continue"
        requestsUpgrade = head.method == .CONNECT || fields.requestsUpgrade
        keepsAlive = head.isKeepAlive && !requestsUpgrade
    }

    private static func request(
        _ head: HTTPRequestHead, _ fields: RequestFields, isSecure: Bool
    ) throws(HTTPError) -> HTTPRequest {
        do {
            // The conversion of NIOHTTPTypesHTTP1 parses the target with Foundation. Only the absolute form needs that.
            guard head.uri.hasPrefix("/") || head.uri == "*" || head.method == .CONNECT else {
                guard head.uri.hasPrefix("http://") || head.uri.hasPrefix("https://") else { throw HTTPError.malformed }
                return try HTTPRequest(head, secure: isSecure, splitCookie: false)
            }
            return HTTPRequest(
                method: try HTTPRequest.Method(head.method),
                scheme: isSecure ? "https" : "http",
                authority: fields.host,
                path: head.uri,
                headerFields: fields.others
            )
        } catch {
            throw .malformed
        }
    }
}

/// The header fields of a request and the framing that they define, read in one pass.
private struct RequestFields {
    /// All but the Host.
    var others = HTTPFields()
    var hosts = 0
    var host: String?
    var size: String?
    /// The values of `Transfer-Encoding`.
    var codings: [String] = []
    var expectation: String?
    var requestsUpgrade = false

    init(_ headers: HTTPHeaders) {
        others.reserveCapacity(headers.count)
        for (name, value) in headers {
            // Every request has one.
            if Self.isHost(name) {
                hosts += 1
                host = value
                continue
            }
            // The decoder has refused names that are not tokens.
            guard let name = HTTPField.Name(name) else { continue }
            switch name.canonicalName {
            case "content-length": size = size ?? value
            case "transfer-encoding": codings.append(value)
            case "expect": expectation = expectation ?? value
            case "upgrade": requestsUpgrade = true
            default: break
            }
            others.append(HTTPField(name: name, value: value))
        }
    }

    private static let hostName = Array("host".utf8)

    private static func isHost(_ name: String) -> Bool {
        // The bit 0x20 distinguishes an ASCII letter from its capital.
        name.utf8.count == hostName.count && zip(name.utf8, hostName).allSatisfy { $0 | 0x20 == $1 }
    }
}

extension HTTPError: Error {}
