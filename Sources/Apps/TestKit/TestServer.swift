import App
import Modules
import Realtime
import ServiceLifecycle

/// Runs `body` with the port of a server of the system, whose subscriptions end as in operation. Jobs do not run.
package func withServed(_ app: TestApp, _ body: (Int) async throws -> Void) async throws {
    let (ports, onRunning) = AsyncStream.makeStream(of: Int.self)
    let server = HTTPServer(
        host: "127.0.0.1", port: 0, logger: app.app.logger,
        malformed: { app.app.dispatcher.refuse($0.problem) },
        respond: { request in
            await app.app.dispatcher.respond(to: request.head, body: request.body, address: request.peerAddress)
        },
        onRunning: { onRunning.yield($0) })
    let services: [any Service] = [app.app.realtime.refresher, server, app.app.realtime.drain]
    let group = ServiceGroup(
        configuration: .init(
            services: services.map { .init(service: $0, successTerminationBehavior: .ignore) },
            logger: app.app.logger))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        var iterator = ports.makeAsyncIterator()
        guard let port = await iterator.next() else { throw CancellationError() }
        defer { tasks.cancelAll() }
        try await body(port)
    }
}
