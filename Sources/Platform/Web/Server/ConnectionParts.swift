import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import NIOWebSocket
import Synchronization

/// What a connection's pipeline hands to its loop.
enum InboundPart: Sendable {
    case head(RequestHead)
    case body(ByteBuffer)
    case end
    /// Nothing that follows can be understood.
    case fault(HTTPFault)
    case frame(WebSocketFrame)
}

/// What a connection's loop hands to its pipeline.
enum OutboundPart: Sendable {
    /// The interim answer to `Expect: 100-continue`.
    case goAhead
    case reply(HTTPResponseHead, ByteBuffer?)
    case head(HTTPResponseHead)
    case piece(ByteBuffer)
    case end
    /// From here on both directions are WebSocket frames.
    case switchProtocols(HTTPResponseHead)
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
    init(_ head: HTTPRequestHead, uriBytes: Int) throws(HTTPFault) {
        guard head.uri.utf8.count <= uriBytes else { throw .uriTooLong }
        let headers = head.headers
        let hosts = headers["host"].count
        isVersion10 = head.version == .http1_0
        // RFC 9112 §3.2: a request without a Host, or with two, is not to be guessed at.
        guard hosts == 1 || (hosts == 0 && isVersion10) else { throw .malformed }
        request = try Self.request(head)
        let size = headers.first(name: "content-length")
        announcedSize = size.flatMap { Int($0) }
        // The parser lets sizes through that no Int holds.
        guard size == nil || announcedSize != nil else { throw .malformed }
        let isChunked = headers.contains(name: "transfer-encoding")
        hasBody = isChunked || (announcedSize ?? 0) > 0
        expectsGoAhead = hasBody && !isVersion10 && headers.first(name: "expect")?.lowercased() == "100-continue"
        asksForUpgrade = head.method == .CONNECT || headers.contains(name: "upgrade")
        keepsAlive = head.isKeepAlive && !asksForUpgrade
    }

    private static func request(_ head: HTTPRequestHead) throws(HTTPFault) -> HTTPRequest {
        do {
            // The library's own conversion takes each target apart with Foundation; only the absolute form needs that.
            guard head.uri.hasPrefix("/") || head.uri == "*" || head.method == .CONNECT else {
                guard head.uri.hasPrefix("http://") || head.uri.hasPrefix("https://") else { throw HTTPFault.malformed }
                return try HTTPRequest(head, secure: false, splitCookie: false)
            }
            return HTTPRequest(
                method: try HTTPRequest.Method(head.method),
                scheme: "http",
                authority: head.headers.first(name: "host"),
                path: head.uri,
                headerFields: HTTPFields(head.headers, splitCookie: false)
            )
        } catch {
            throw .malformed
        }
    }
}

extension HTTPFault: Error {}

/// The parts of a connection as its loop, a handler or a WebSocket take them.
///
/// `@unchecked` because of the iterator, which is not Sendable: `isTaken` lets in one taker at a time, and the exchange of the
/// flag orders what one taker did before what the next one does.
final class PartReader: @unchecked Sendable {
    struct ReadByTwo: Error {}

    private var iterator: NIOAsyncChannelInboundStream<InboundPart>.AsyncIterator
    private let isTaken = Atomic(false)

    init(_ stream: NIOAsyncChannelInboundStream<InboundPart>) { iterator = stream.makeAsyncIterator() }

    /// - Returns: nil when no more will come.
    /// - Throws: ``ReadByTwo`` where somebody else is waiting for a part.
    func next() async throws -> InboundPart? {
        guard !isTaken.exchange(true, ordering: .acquiring) else { throw ReadByTwo() }
        defer { isTaken.store(false, ordering: .releasing) }
        return try await iterator.next()
    }
}
