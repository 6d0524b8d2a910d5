import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import Telemetry

/// Puts a reply on the wire with the fields that HTTP asks for.
struct ReplyWriter: Sendable {
    let outbound: NIOAsyncChannelOutboundWriter<OutboundPart>
    let malformed: @Sendable (HTTPFault) -> Reply
    let logger: Logger

    /// Returns when all of it is handed to the connection, which takes no more than it can send on soon.
    /// - Throws: when the client is gone, or a file ends before its time; what is on the wire is then no complete answer.
    func write(_ reply: Reply, to request: RequestHead?, keepsAlive: Bool) async throws {
        let hasBody = request?.request.method != .head && reply.status.allowsBody
        switch reply.body {
        case .none:
            try await outbound.write(.reply(head(of: reply, to: request, keepsAlive: keepsAlive), nil))
        case .buffer(let buffer):
            try await outbound.write(.reply(head(of: reply, to: request, keepsAlive: keepsAlive), hasBody ? buffer : nil))
        case .file where !hasBody:
            try await outbound.write(.reply(head(of: reply, to: request, keepsAlive: keepsAlive), nil))
        case .file(let path, let range):
            var pieces: FilePieces
            do {
                pieces = try await FilePieces(path: path, range: range)
            } catch {
                logger.error("a file to be sent could not be opened", metadata: ["path": "\(path)", "cause": "\(error)"])
                var answer = malformed(.unreadableFile)
                if case .file = answer.body { answer.body = .none }
                return try await write(answer, to: request, keepsAlive: keepsAlive)
            }
            try await outbound.write(.head(head(of: reply, to: request, keepsAlive: keepsAlive)))
            while let piece = try await pieces.next() { try await outbound.write(.piece(piece)) }
            try await outbound.write(.end)
        }
    }

    private func head(of reply: Reply, to request: RequestHead?, keepsAlive: Bool) -> HTTPResponseHead {
        var fields = reply.headers
        fields[.transferEncoding] = nil
        if !reply.status.allowsBody {
            fields[.contentLength] = nil
        } else if request?.request.method != .head || fields[.contentLength] == nil {
            fields[.contentLength] = String(reply.contentLength)
        }
        if fields[.date] == nil { fields[.date] = HTTPDate.now() }
        if !keepsAlive {
            fields[.connection] = "close"
        } else if request?.isVersion10 == true {
            fields[.connection] = "keep-alive"
        }
        return HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: reply.status.code), headers: HTTPHeaders(fields))
    }
}

extension HTTPResponse.Status {
    fileprivate var allowsBody: Bool { code >= 200 && code != 204 && code != 304 }
}
