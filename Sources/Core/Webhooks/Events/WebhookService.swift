package import Identity
package import Modules
import NIOCore

/// Emits events to the endpoints of an organisation.
package final class WebhookService: Sendable {
    private let queue: JobQueue
    private let runtime: Runtime

    /// UTF-8 bytes of an event's body.
    package static let bodyBytesMax = 64 << 10

    init(queue: JobQueue, runtime: Runtime) {
        self.queue = queue
        self.runtime = runtime
    }

    /// Writes an event, and a delivery with its job for every endpoint that subscribes to it. They are sent if and only
    /// if the transaction commits. Without such an endpoint nothing is written.
    /// - Parameter data: encoded as in a response; at most about 63 KiB.
    /// - Throws: `internal-error` for a body above ``bodyBytesMax``, which is a programming error.
    package func emit(
        _ type: WebhookEventType, of organisation: ID<Organisation>, _ data: some Payload, in transaction: Transaction
    ) throws {
        let endpoints = try transaction.webhookEndpoints(of: organisation, subscribedTo: type)
        guard !endpoints.isEmpty else { return }
        try deliver(
            try WebhookEvent(id: runtime.id(), organisation, type, data, at: transaction.now), to: endpoints,
            in: transaction)
    }

    /// Sends a test event to one endpoint.
    func test(_ endpoint: WebhookEndpoint, in transaction: Transaction) throws -> WebhookDelivery {
        let data = WebhookTestData(endpointId: endpoint.id)
        let event = try WebhookEvent(id: runtime.id(), endpoint.organisation, .test, data, at: transaction.now)
        return try deliver(event, to: [endpoint], in: transaction)[0]
    }

    @discardableResult
    private func deliver(_ event: WebhookEvent, to endpoints: [WebhookEndpoint], in transaction: Transaction) throws
        -> [WebhookDelivery]
    {
        try transaction.insert(event)
        return try endpoints.map { endpoint in
            let delivery = WebhookDelivery(id: runtime.id(), of: event, to: endpoint, at: transaction.now)
            try transaction.insert(delivery)
            if delivery.state == .pending {
                try queue.enqueue(
                    DeliverWebhookJob(delivery), DeliverWebhookJob.options(delivery), in: transaction)
            }
            return delivery
        }
    }
}
