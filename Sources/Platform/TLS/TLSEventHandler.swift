import NIOCore
import NIOSSL
import NIOTLS

/// Stands behind the handler of TLS: it reports the end of the handshake, and keeps the end of a connection without
/// `close_notify` from being an error, because HTTP delimits its messages itself and many clients send none.
final class TLSEventHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Until the end of the handshake.
    private var limiter: HandshakeLimiter?

    init(_ limiter: HandshakeLimiter) { self.limiter = limiter }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted:
            limiter?.completed()
            limiter = nil
        case TLSUserEvent.shutdownCompleted: break
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        limiter?.failed()
        limiter = nil
        // `inputClosed` or `channelInactive` follows.
        if case NIOSSLError.uncleanShutdown = error { return }
        context.fireErrorCaught(error)
    }
}
