import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Sends webhooks over a number of connections, and measures when each is acknowledged.
///
/// With a rate, webhooks are due at fixed times, whether earlier ones are acknowledged or not, and the time of each
/// begins when it was due: a server that stalls delays all of those that become due meanwhile. Without a rate each
/// connection sends the next one when the last is acknowledged.
final class WebhookLoad: Sendable {
    enum Pace: Sendable {
        /// - Parameter interval: between two webhooks.
        case fixed(interval: TimeAmount, count: Int)
        case unbounded(until: NIODeadline)
    }

    private struct State {
        var idle: [any Channel] = []
        var started = 0
        var acknowledged = 0
        var refused = 0
        var hasTimer = false
        var times = DurationHistogram()
        var first: NIODeadline?
        var last: NIODeadline?
    }

    private enum Step {
        case send(due: NIODeadline)
        case wait(until: NIODeadline)
        case end
    }

    private let events: BenchEvents
    private let pace: Pace
    private let start: NIODeadline
    private let loop: any EventLoop
    private let ended: EventLoopPromise<Void>
    private let state = Mutex(State())

    /// - Parameters:
    ///   - loop: of all connections.
    ///   - start: when the first webhook is due.
    init(_ events: BenchEvents, _ pace: Pace, start: NIODeadline, on loop: any EventLoop) {
        (self.events, self.pace, self.start, self.loop) = (events, pace, start, loop)
        ended = loop.makePromise()
    }

    var acknowledged: Int { state.withLock { $0.acknowledged } }
    var refused: Int { state.withLock { $0.refused } }
    /// From the time at which the first webhook was due until the last response.
    var duration: Duration {
        state.withLock { state in
            guard let first = state.first, let last = state.last else { return .zero }
            return Duration(last - first)
        }
    }
    /// - Parameter percentage: from 0 to 100.
    func percentile(_ percentage: Double) -> Duration { state.withLock { $0.times.percentile(percentage) } }

    /// Sends all webhooks and waits for their responses.
    func run(connections: Int, port: Int) async throws {
        let opening = (0..<connections).map { _ in
            ClientBootstrap(group: loop)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        try channel.pipeline.syncOperations.addHandler(WebhookConnection(self, port: port))
                    }
                }
                .connect(host: "127.0.0.1", port: port)
        }
        let channels = try await EventLoopFuture.whenAllSucceed(opening, on: loop).get()
        loop.execute { for channel in channels { self.proceed(channel) } }
        try await ended.futureResult.get()
        for channel in channels { channel.close(promise: nil) }
    }

    /// The next webhook. Called on the event loop, as all of the following.
    func next() -> (body: [UInt8], signature: String) { events.webhook(state.withLock { $0.started } - 1) }

    /// Notes a response and has its connection send the next webhook.
    func acknowledge(_ isAccepted: Bool, due: NIODeadline, by channel: any Channel) {
        let now = NIODeadline.now()
        let time = Duration(now - due)
        state.withLock { state in
            (state.first, state.last) = (min(state.first ?? due, due), now)
            if isAccepted { state.acknowledged += 1 } else { state.refused += 1 }
            state.times.record(time)
        }
        proceed(channel)
    }

    func fail(_ error: any Error) { ended.fail(error) }

    private func proceed(_ channel: any Channel) {
        state.withLock { $0.idle.append(channel) }
        serve()
    }

    /// Sends what is due on the idle connections.
    private func serve() {
        while true {
            let (step, channel) = state.withLock { state -> (Step, (any Channel)?) in
                guard let channel = state.idle.last else { return (.end, nil) }
                let step = nextStep(&state)
                guard case .send = step else { return (step, channel) }
                state.idle.removeLast()
                return (step, channel)
            }
            guard let channel else { return }
            switch step {
            case .send(let due): channel.writeAndFlush(due, promise: nil)
            case .wait(let time): return schedule(at: time)
            case .end: return endIfComplete()
            }
        }
    }

    private func nextStep(_ state: inout State) -> Step {
        let now = NIODeadline.now()
        switch pace {
        case .fixed(let interval, let count):
            guard state.started < count else { return .end }
            let due = start + interval * state.started
            guard due <= now else { return .wait(until: due) }
            state.started += 1
            return .send(due: due)
        case .unbounded(let end):
            guard now < end else { return .end }
            state.started += 1
            return .send(due: now)
        }
    }

    private func schedule(at time: NIODeadline) {
        let isFirst = state.withLock { state in
            defer { state.hasTimer = true }
            return !state.hasTimer
        }
        guard isFirst else { return }
        loop.scheduleTask(deadline: time) {
            self.state.withLock { $0.hasTimer = false }
            self.serve()
        }
    }

    private func endIfComplete() {
        let isComplete = state.withLock { $0.acknowledged + $0.refused == $0.started }
        if isComplete { ended.succeed() }
    }
}

/// A connection of the load. What is written to it is the time at which a webhook was due.
private final class WebhookConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = NIODeadline
    typealias OutboundOut = HTTPClientRequestPart

    private let load: WebhookLoad
    private let host: String
    private var due: NIODeadline?
    private var isAccepted = false

    init(_ load: WebhookLoad, port: Int) { (self.load, host) = (load, "127.0.0.1:\(port)") }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        due = unwrapOutboundIn(data)
        let (body, signature) = load.next()
        let head = HTTPRequestHead(
            version: .http1_1, method: .POST, uri: "/v1/webhooks/stripe",
            headers: [
                "Host": host, "Content-Type": "application/json; charset=utf-8", "Content-Length": "\(body.count)",
                "Stripe-Signature": signature,
            ])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        context.write(wrapOutboundOut(.end(nil)), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): isAccepted = head.status == .ok
        case .body: break
        case .end:
            guard let due else { return }
            self.due = nil
            load.acknowledge(isAccepted, due: due, by: context.channel)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { load.fail(ChannelError.eof) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { load.fail(error) }
}
