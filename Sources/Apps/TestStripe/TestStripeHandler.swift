import NIOCore
import NIOHTTP1

/// One connection: collects a request and writes its response, in the way that a fault asks for.
final class TestStripeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private static let bodyBytesMax = 1 << 20

    private let requests: TestStripeRequests
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(_ requests: TestStripeRequests) { self.requests = requests }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let chunk):
            guard body.count + chunk.readableBytes <= Self.bodyBytesMax else { return context.close(promise: nil) }
            body += chunk.readableBytesView
        case .end:
            guard let head else { return }
            respond(to: TestStripeRequest(head, body), isKeptAlive: head.isKeepAlive, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error _: any Error) { context.close(promise: nil) }

    private func respond(to request: TestStripeRequest, isKeptAlive: Bool, _ context: ChannelHandlerContext) {
        guard let response = requests.response(to: request) else { return context.close(promise: nil) }
        switch response.delivery {
        case .lost: context.close(promise: nil)
        case .now: write(response, isKeptAlive, context)
        case .after(let time):
            context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(time)) {
                self.write(response, isKeptAlive, context)
            }
        case .held(let hold): onRelease(of: hold, context) { self.write(response, isKeptAlive, context) }
        case .halfHeld(let hold):
            writeHead(response, context)
            let half = response.body.count / 2
            writeBody(response.body[..<half], context)
            context.flush()
            onRelease(of: hold, context) {
                self.writeBody(response.body[half...], context)
                self.writeEnd(isKeptAlive, context)
            }
        }
    }

    /// Calls `send` on the event loop of the connection.
    private func onRelease(of hold: TestStripeHold, _ context: ChannelHandlerContext, _ send: @escaping () -> Void) {
        let released = context.eventLoop.makePromise(of: Void.self)
        released.futureResult.assumeIsolated().whenComplete { _ in send() }
        hold.hold { released.succeed() }
    }

    private func write(_ response: TestStripeResponse, _ isKeptAlive: Bool, _ context: ChannelHandlerContext) {
        writeHead(response, context)
        writeBody(response.body[...], context)
        writeEnd(isKeptAlive, context)
    }

    private func writeHead(_ response: TestStripeResponse, _ context: ChannelHandlerContext) {
        var headers = HTTPHeaders([
            ("Content-Type", response.contentType), ("Content-Length", "\(response.body.count)"),
        ])
        for (name, value) in response.headers { headers.add(name: name, value: value) }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: response.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
    }

    private func writeBody(_ bytes: ArraySlice<UInt8>, _ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
    }

    private func writeEnd(_ isKeptAlive: Bool, _ context: ChannelHandlerContext) {
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.value.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            if !isKeptAlive { context.value.close(promise: nil) }
        }
    }
}
