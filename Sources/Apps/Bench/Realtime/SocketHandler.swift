import NIOCore

/// A WebSocket of a client without compression: it reads whole frames and answers pings.
final class SocketHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Opcode {
        static let text: UInt8 = 1
        static let binary: UInt8 = 2
        static let close: UInt8 = 8
        static let ping: UInt8 = 9
        static let pong: UInt8 = 10
    }

    private let request: ByteBuffer
    private let opened: EventLoopPromise<Void>
    private let onMessage: @Sendable (ByteBuffer) -> Void
    private var buffered = ByteBuffer()
    private var isOpen = false

    /// - Parameters:
    ///   - request: the opening handshake.
    ///   - opened: succeeds with the server's 101 response.
    init(request: ByteBuffer, opened: EventLoopPromise<Void>, onMessage: @escaping @Sendable (ByteBuffer) -> Void) {
        (self.request, self.opened, self.onMessage) = (request, opened, onMessage)
    }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if buffered.readableBytes == 0 { buffered = bytes } else { buffered.writeBuffer(&bytes) }
        guard isOpen || readHead(context) else { return }
        while let (opcode, payload) = readFrame() {
            switch opcode {
            case Opcode.text, Opcode.binary: onMessage(payload)
            case Opcode.ping:
                context.writeAndFlush(wrapOutboundOut(Self.frame(payload, Opcode.pong)), promise: nil)
            case Opcode.close: context.close(promise: nil)
            default: break
            }
        }
        // An idle socket keeps no buffer.
        if buffered.readableBytes == 0 { buffered = ByteBuffer() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isOpen { opened.fail(ChannelError.eof) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error _: any Error) { context.close(promise: nil) }

    /// - Returns: whether the response has arrived, and is 101.
    private func readHead(_ context: ChannelHandlerContext) -> Bool {
        let text = String(buffer: buffered)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return false }
        guard text.hasPrefix("HTTP/1.1 101") else {
            opened.fail(Refused(response: String(text[..<end.lowerBound])))
            isOpen = true
            context.close(promise: nil)
            return false
        }
        buffered.moveReaderIndex(forwardBy: text[..<end.upperBound].utf8.count)
        isOpen = true
        opened.succeed()
        return true
    }

    /// The next frame, of a server and thus not masked (RFC 6455 §5.2).
    private func readFrame() -> (opcode: UInt8, payload: ByteBuffer)? {
        let start = buffered.readerIndex
        guard let head: (UInt8, UInt8) = buffered.readMultipleIntegers() else { return nil }
        let size: Int? =
            switch head.1 {
            case 127: buffered.readInteger(as: UInt64.self).map { Int(clamping: $0) }
            case 126: buffered.readInteger(as: UInt16.self).map { Int($0) }
            default: Int(head.1)
            }
        guard let size, let payload = buffered.readSlice(length: size) else {
            buffered.moveReaderIndex(to: start)
            return nil
        }
        return (head.0 & 0x0F, payload)
    }

    /// A frame of a client with at most 64 KiB, masked with zeros.
    static func frame(_ payload: ByteBuffer, _ opcode: UInt8) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeInteger(0x80 | opcode)
        if payload.readableBytes < 126 {
            frame.writeInteger(0x80 | UInt8(payload.readableBytes))
        } else {
            frame.writeInteger(UInt8(0x80 | 126))
            frame.writeInteger(UInt16(payload.readableBytes))
        }
        frame.writeInteger(UInt32(0))
        frame.writeImmutableBuffer(payload)
        return frame
    }

    static func textFrame(_ text: String) -> ByteBuffer { frame(ByteBuffer(string: text), Opcode.text) }

    struct Refused: Error, CustomStringConvertible {
        let response: String
        var description: String { "the WebSocket was refused: \(response)" }
    }
}
