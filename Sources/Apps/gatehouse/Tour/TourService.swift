import HTTPTypes
import Modules
import NIOCore
import Synchronization

/// A service on this machine from which a workflow of the tour fetches a table. It can hold its responses back, so that
/// the tour stops a server while a step waits.
final class TourService: Sendable {
    private struct State {
        var isHolding = false
        var requests = 0
    }

    private let table: String
    private let state = Mutex(State())

    private init(table: String) { self.table = table }

    /// Runs `body` with the service and its URL.
    static func with<Result: Sendable>(
        table: String, _ body: @escaping @Sendable (TourService, _ url: String) async throws -> Result
    ) async throws -> Result {
        let service = TourService(table: table)
        let (ports, running) = AsyncStream.makeStream(of: Int.self)
        let logger = Logger(label: "tour") { _ in SwiftLogNoOpLogHandler() }
        let server = HTTPServer(
            host: "127.0.0.1", port: 0, logger: logger, malformed: { _ in Response(status: .badRequest) },
            respond: { _ in await service.respond() }, onRunning: { running.yield($0) })
        let serving = Task { try await server.run() }
        defer { serving.cancel() }
        var iterator = ports.makeAsyncIterator()
        guard let port = await iterator.next() else { throw CancellationError() }
        return try await body(service, "http://127.0.0.1:\(port)/sales.csv")
    }

    /// The requests that have arrived.
    var requests: Int { state.withLock { $0.requests } }

    /// Holds responses back until ``release()``.
    func hold() { state.withLock { $0.isHolding = true } }
    func release() { state.withLock { $0.isHolding = false } }

    private func respond() async -> Response {
        state.withLock { $0.requests += 1 }
        while state.withLock({ $0.isHolding }) {
            // The client of a response that is held back may have gone away.
            guard (try? await Task.sleep(for: .milliseconds(20))) != nil else { break }
        }
        return Response(status: .ok, body: .buffer(ByteBuffer(string: table)))
    }
}
