import CZlib
import NIOCore
import Synchronization

/// Decompresses messages without the context of the ones before them.
///
/// `@unchecked Sendable`: a stream is used by one thread at a time; ``pool`` lends it.
final class Inflater: @unchecked Sendable {
    private let stream: UnsafeMutablePointer<z_stream>

    /// The end of each message, which its sender removes (RFC 7692 §7.2.1).
    static let tail: [UInt8] = [0, 0, 0xFF, 0xFF]
    private static let pool = Mutex<[Inflater]>([])
    private static let pooledMax = 4
    private static let stepBytes = 16 << 10

    private init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let status = inflateInit2_(
            stream, -PermessageDeflate.windowBitsMax, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "inflateInit2 failed: \(status)")
    }

    deinit {
        inflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    /// - Parameters:
    ///   - payload: of a compressed message.
    ///   - limit: the largest size of the message. No more than one byte beyond it is decompressed.
    /// - Throws: ``WebSocketClose/messageTooLarge``, ``WebSocketClose/invalidCompression``.
    static func decompressed(_ payload: ByteBuffer, upTo limit: Int) throws(WebSocketClose) -> ByteBuffer {
        let inflater = pool.withLock { $0.popLast() } ?? Inflater()
        defer { pool.withLock { if $0.count < pooledMax { $0.append(inflater) } } }
        return try inflater.decompressed(payload, upTo: limit)
    }

    private func decompressed(_ payload: ByteBuffer, upTo limit: Int) throws(WebSocketClose) -> ByteBuffer {
        inflateReset(stream)
        var input = payload
        input.writeBytes(Self.tail)
        var output = ByteBuffer()
        while true {
            let space = min(Self.stepBytes, limit + 1 - output.readableBytes)
            let status = step(&input, &output, space: space)
            guard output.readableBytes <= limit else { throw .messageTooLarge }
            switch status {
            // A sender may end the stream within a message (RFC 7692 §7.2.3.4).
            case Z_STREAM_END where input.readableBytes > 0: inflateReset(stream)
            case Z_STREAM_END: return output
            // Nothing is left to read, and what was read is written.
            case Z_OK where input.readableBytes == 0 && stream.pointee.avail_out > 0,
                Z_BUF_ERROR where input.readableBytes == 0:
                return output
            case Z_OK: break
            default: throw .invalidCompression
            }
        }
    }

    /// One call of zlib, which reads from `input` and writes at most `space` bytes to `output`.
    private func step(_ input: inout ByteBuffer, _ output: inout ByteBuffer, space: Int) -> Int32 {
        var status = Z_OK
        input.readWithUnsafeMutableReadableBytes { source in
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: space) { target in
                stream.pointee.next_in = source.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_in = UInt32(source.count)
                stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_out = UInt32(space)
                status = inflate(stream, Z_SYNC_FLUSH)
                return space - Int(stream.pointee.avail_out)
            }
            return source.count - Int(stream.pointee.avail_in)
        }
        return status
    }
}
