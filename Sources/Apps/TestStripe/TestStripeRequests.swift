import Synchronization

/// Connects the handlers of connections with the server, which is made after the port is bound.
final class TestStripeRequests: Sendable {
    private let respond = Mutex<(@Sendable (TestStripeRequest) -> TestStripeResponse?)?>(nil)

    func serve(_ respond: @escaping @Sendable (TestStripeRequest) -> TestStripeResponse?) {
        self.respond.withLock { $0 = respond }
    }

    /// - Returns: nil where there is no server, or none any more.
    func response(to request: TestStripeRequest) -> TestStripeResponse? { respond.withLock { $0 }?(request) }
}
