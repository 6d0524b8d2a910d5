package import NIOCore
import NIOWebSocket
import Synchronization

/// A message to clients, framed and compressed once however many WebSockets it is sent to.
package final class WebSocketPayload: Sendable {
    private let opcode: WebSocketOpcode
    private let data: ByteBuffer
    private let plain: ByteBuffer
    private let compressed = Mutex<ByteBuffer?>(nil)

    /// Messages with fewer bytes are not compressed.
    private let compressedBytesMin: Int

    /// The default of ``compressedBytesMin``: the frame of a smaller message would hardly be smaller.
    package static let compressedBytesMin = 256

    package convenience init(text: String, compressedBytesMin: Int = compressedBytesMin) {
        self.init(text: ByteBuffer(string: text), compressedBytesMin: compressedBytesMin)
    }

    package convenience init(text: ByteBuffer, compressedBytesMin: Int = compressedBytesMin) {
        self.init(text, .text, compressedBytesMin)
    }

    package convenience init(binary: ByteBuffer, compressedBytesMin: Int = compressedBytesMin) {
        self.init(binary, .binary, compressedBytesMin)
    }

    private init(_ data: ByteBuffer, _ opcode: WebSocketOpcode, _ compressedBytesMin: Int) {
        self.data = data
        self.opcode = opcode
        self.compressedBytesMin = compressedBytesMin
        plain = Self.frame(data, opcode)
    }

    /// The frame for a WebSocket with these parameters.
    func frame(_ deflate: PermessageDeflate?) -> ByteBuffer {
        guard let deflate, data.readableBytes >= compressedBytesMin else { return plain }
        guard deflate.windowBits == PermessageDeflate.windowBitsMax else {
            return Self.frame(Deflater.compressed(data, windowBits: deflate.windowBits), opcode, isCompressed: true)
        }
        return compressed.withLock { compressed in
            if let compressed { return compressed }
            let frame = Self.frame(Deflater.compressed(data), opcode, isCompressed: true)
            compressed = frame
            return frame
        }
    }

    /// A whole frame of a server, which is not masked (RFC 6455 §5.2).
    static func frame(_ data: ByteBuffer, _ opcode: WebSocketOpcode, isCompressed: Bool = false) -> ByteBuffer {
        var frame = ByteBufferAllocator().buffer(capacity: data.readableBytes + 10)
        frame.writeInteger(0x80 | (isCompressed ? 0x40 : 0) | UInt8(webSocketOpcode: opcode))
        switch data.readableBytes {
        case ...125: frame.writeInteger(UInt8(data.readableBytes))
        case ...0xFFFF:
            frame.writeInteger(UInt8(126))
            frame.writeInteger(UInt16(data.readableBytes))
        default:
            frame.writeInteger(UInt8(127))
            frame.writeInteger(UInt64(data.readableBytes))
        }
        frame.writeImmutableBuffer(data)
        return frame
    }
}
