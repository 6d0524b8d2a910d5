package import Base
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import NIOWebSocket

/// The opening handshake of a client (RFC 6455 §4.2.1), where its request has one.
package struct WebSocketHandshake: Sendable {
    /// The compression that the client offers and the server accepts.
    let deflate: PermessageDeflate?

    /// - Returns: nil for a request that asks for no WebSocket.
    /// - Throws: `upgrade-required` for another version of the protocol, `invalid-request` for a malformed handshake.
    package init?(_ request: Request) throws(Problem) {
        let fields = request.headers
        guard Self.list(fields.value(of: .upgrade)).contains("websocket") else { return nil }
        guard request.method == .get, Self.list(fields.value(of: .connection)).contains("upgrade") else {
            throw Problem(.invalidRequest, detail: "A WebSocket begins with GET and 'Connection: Upgrade'.")
        }
        guard fields.value(of: .secWebSocketVersion) == "13" else {
            throw Problem(
                .upgradeRequired, detail: "The version of the WebSocket protocol is 13.",
                headers: ["Sec-WebSocket-Version": "13", "Upgrade": "websocket"])
        }
        guard let key = fields.value(of: .secWebSocketKey), Self.isKey(key) else {
            throw Problem(.invalidRequest, detail: "Sec-WebSocket-Key must be 16 bytes in Base64.")
        }
        deflate = PermessageDeflate(offers: fields[values: .secWebSocketExtensions])
    }

    /// The problems that ``init(_:)`` throws.
    package static let problems: [Problem.Kind] = [.invalidRequest, .upgradeRequired]

    private static func list(_ value: String?) -> [String] {
        (value ?? "").lowercased().split(separator: ",").map { $0.filter { $0 != " " && $0 != "\t" } }
    }

    /// 16 bytes in Base64 are 22 characters and two of padding.
    private static func isKey(_ text: String) -> Bool {
        text.utf8.count == 24 && text.hasSuffix("==")
            && text.utf8.dropLast(2).allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                    true
                default: false
                }
            }
    }

    /// - Returns: the fields of the 101 response that depend on the request; nil for a malformed handshake.
    static func response(to request: IncomingRequest, on channel: any Channel) async -> HTTPFields? {
        guard request.head.method == .get, let head = try? HTTPRequestHead(request.head) else { return nil }
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }
        )
        let headers = try? await channel.eventLoop.flatSubmit {
            upgrader.buildUpgradeResponse(channel: channel, upgradeRequest: head, initialResponseHeaders: [:])
        }.get()
        return headers.map { HTTPFields($0, splitCookie: false) }
    }
}

extension Problem.Kind {
    package static let upgradeRequired = Self("upgrade-required", "Another protocol version is required", status: 426)
}
