import Base
import NIOCore
import TestKit

/// A connection of a client that streams one answer after the other.
final class ChatReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let request: ByteBuffer
    private let log: ChatLog
    /// Before the first request.
    private let delay: TimeAmount
    private var sentAt = ContinuousClock.now
    private var hasBegun = false
    private var hasStatus = false
    private var tail: [UInt8] = []

    /// Of a body in the chunked transfer coding.
    private static let end = Array("0\r\n\r\n".utf8)
    private static let ok = Array("HTTP/1.1 200".utf8)

    init(request: ByteBuffer, delay: TimeAmount, log: ChatLog) {
        (self.request, self.delay, self.log) = (request, delay, log)
    }

    func channelActive(context: ChannelHandlerContext) {
        context.eventLoop.assumeIsolated().scheduleTask(in: delay) { self.send(context) }
    }

    private func send(_ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        (hasBegun, hasStatus, tail) = (false, false, [])
        sentAt = .now
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        if !hasStatus {
            // The head arrives with its first bytes in one read.
            hasStatus = true
            guard bytes.readableBytesView.starts(with: Self.ok) else {
                log.change { $0.failures += 1 }
                return context.close(promise: nil)
            }
        }
        let tokens = bytes.withUnsafeReadableBytes { $0.reduce(0) { $1 == ChatLoad.token ? $0 + 1 : $0 } }
        tail = (tail + bytes.readableBytesView.suffix(Self.end.count)).suffix(Self.end.count)
        let (isFirst, hasEnded) = (!hasBegun && tokens > 0, tail == Self.end)
        hasBegun = hasBegun || isFirst
        let elapsed = ContinuousClock.now - sentAt
        log.change { counts in
            counts.tokens += tokens
            if isFirst { counts.first.record(elapsed) }
            if hasEnded { counts.streams += 1 }
        }
        guard hasEnded else { return }
        if log.isOver.isSet { context.close(promise: nil) } else { send(context) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        log.change { $0.failures += 1 }
        context.close(promise: nil)
    }
}
