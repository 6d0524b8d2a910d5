import CZlib
import NIOCore
import Synchronization

/// Compresses messages with raw deflate (RFC 1951), each without the context of the ones before it (RFC 7692 §7.2.1).
///
/// `@unchecked Sendable`: a stream is used by one thread at a time; ``pool`` lends it.
final class Deflater: @unchecked Sendable {
    private let stream: UnsafeMutablePointer<z_stream>

    /// Streams that wait for a message. A stream takes 256 KiB: a WebSocket has none of its own.
    private static let pool = Mutex<[Deflater]>([])
    private static let pooledMax = 4
    /// The level of the fastest compression that looks for matches lazily.
    private static let level: Int32 = 4

    /// - Parameter windowBits: 9 to 15.
    private init(windowBits: Int32) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let status = deflateInit2_(
            stream, Self.level, Z_DEFLATED, -windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "deflateInit2 failed: \(status)")
    }

    deinit {
        deflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    /// - Parameter windowBits: 9 to 15; the stream of another size than 15 is made for this message.
    /// - Returns: the payload of a compressed message, without the four bytes that the receiver appends.
    static func compressed(_ message: ByteBuffer, windowBits: Int32 = PermessageDeflate.windowBitsMax) -> ByteBuffer {
        guard windowBits == PermessageDeflate.windowBitsMax else {
            return Deflater(windowBits: windowBits).compressed(message)
        }
        let deflater = pool.withLock { $0.popLast() } ?? Deflater(windowBits: windowBits)
        defer { pool.withLock { if $0.count < pooledMax { $0.append(deflater) } } }
        return deflater.compressed(message)
    }

    private func compressed(_ message: ByteBuffer) -> ByteBuffer {
        deflateReset(stream)
        // A flush adds an empty block to the bound of the data.
        let capacity = Int(deflateBound(stream, UInt(message.readableBytes))) + 64
        var output = ByteBuffer()
        _ = message.withUnsafeReadableBytes { input in
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { space in
                stream.pointee.next_in = UnsafeMutablePointer(
                    mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = space.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_out = UInt32(clamping: space.count)
                let status = deflate(stream, Z_SYNC_FLUSH)
                precondition(status == Z_OK && stream.pointee.avail_in == 0, "deflate failed: \(status)")
                return space.count - Int(stream.pointee.avail_out)
            }
        }
        return output.getSlice(at: 0, length: output.readableBytes - Inflater.tail.count) ?? output
    }
}
