import Synchronization

/// Connects the handlers of connections with the server, which is made after the port is bound.
final class TestStripeRequests: Sendable {
    private struct Receiver {
        weak var server: TestStripeServer?
    }

    private let receiver = Mutex(Receiver())

    func serve(_ server: TestStripeServer) { receiver.withLock { $0.server = server } }

    /// - Returns: nil where there is no server, or none any more.
    func response(to request: TestStripeRequest) -> TestStripeResponse? {
        receiver.withLock { $0.server }?.respond(to: request)
    }
}
