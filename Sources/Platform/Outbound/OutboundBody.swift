import AsyncHTTPClient
package import NIOCore

/// The body of a request to another service.
package struct OutboundBody: Sendable {
    let content: HTTPClientRequest.Body

    package static func bytes(_ bytes: [UInt8]) -> OutboundBody {
        OutboundBody(content: .bytes(ByteBuffer(bytes: bytes)))
    }

    /// Chunks, which are read as the connection accepts them.
    /// - Parameter length: the bytes of all chunks.
    package static func stream<Chunks: AsyncSequence & Sendable>(_ chunks: Chunks, length: Int64) -> OutboundBody
    where Chunks.Element == ByteBuffer {
        OutboundBody(content: .stream(chunks, length: .known(length)))
    }
}
