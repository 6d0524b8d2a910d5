package import Base
import NIOCore
import NIOHTTP1
import NIOPosix
package import Stripe
import Synchronization

/// A server with the part of Stripe's API that Gatehouse uses, for tests, proofs and the tour. It listens on a free
/// port of 127.0.0.1 and keeps its state in memory.
///
/// What Stripe does in the course of time, such as renewing subscriptions, it does when its clock is read: before each
/// request and each call of its control interface, in the order of time.
package final class TestStripeServer: Sendable {
    package struct Settings: Sendable {
        /// From a request to its response.
        package var responseTime: Duration = .zero
        /// From a payment until its money is available for transfers.
        package var settlementDelay: Duration = .zero
        /// What Stripe takes of each payment, in hundredths of a percent: 290 are 2.9 %.
        package var feeHundredths: Int64 = 0
        /// What Stripe takes of a payment beside it, in minor units.
        package var feeFixed: Int64 = 0
        /// What a dispute costs, in minor units.
        package var disputeFee: Int64 = 0
        /// From a failed renewal to each further attempt. After the last one, `afterRetries` decides.
        package var retryDelays: [Duration] = [.days(3), .days(5), .days(7)]
        /// What becomes of a subscription after the last attempt: `canceled`, `unpaid` or `past_due`.
        package var afterRetries = StripeSubscription.Status.canceled

        package init() {}
    }

    /// `http://127.0.0.1:<port>`, for `STRIPE_API_BASE`.
    package let url: String
    package let secretKey = "sk_test_double"
    package let webhookSecret = "whsec_double"
    let state: Mutex<TestStripeState>
    private let channel: any Channel

    /// Starts the server. It ends with ``stop()``, or with the process.
    /// - Parameter now: its clock; ``advance(by:)`` adds to it.
    package static func start(
        _ settings: Settings = Settings(), now: @escaping @Sendable () -> Instant = Runtime.system.now
    ) async throws -> TestStripeServer {
        let requests = TestStripeRequests()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(TestStripeHandler(requests))
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .bind(host: "127.0.0.1", port: 0).get()
        let server = TestStripeServer(channel, settings, now: now)
        requests.serve(server)
        return server
    }

    private init(_ channel: any Channel, _ settings: Settings, now: @escaping @Sendable () -> Instant) {
        self.channel = channel
        url = "http://127.0.0.1:\(channel.localAddress?.port ?? 0)"
        state = Mutex(TestStripeState(settings: settings, secretKey: secretKey, clock: now))
    }

    /// Closes the port. Connections that are open stay open until their clients close them.
    package func stop() async {
        // It fails only where it is closed.
        try? await channel.close()
    }

    /// Moves the clock of the server, and does what becomes due meanwhile.
    package func advance(by duration: Duration) {
        state.withLock {
            $0.offset += duration
            $0.catchUp()
        }
    }

    /// Reads or changes the state, after what has become due.
    func control<Result>(_ body: (inout TestStripeState) throws -> Result) rethrows -> Result {
        try state.withLock { state throws -> Result in
            state.catchUp()
            return try body(&state)
        }
    }

    func respond(to request: TestStripeRequest) -> TestStripeResponse {
        state.withLock { $0.respond(to: request) }
    }
}
