package import Base
import HTTPTypes
import Modules
import NIOCore
import ServiceLifecycle
import Synchronization

/// A server that gets webhooks on a port of this machine, and answers as a test sets.
package final class WebhookReceiver: Sendable {
    /// A request that arrived.
    package struct Message: Sendable {
        /// By name in lower case.
        package let headers: [String: String]
        package let body: [UInt8]
        package let path: String

        /// Null where the body is not JSON.
        package var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
        package var type: String? { json["type"]?.string }
    }

    package struct PreparedResponse: Sendable {
        package var status: Int
        package var headers: [String: String]
        package var body: String

        package init(_ status: Int, headers: [String: String] = [:], body: String = "") {
            self.status = status
            self.headers = headers
            self.body = body
        }
    }

    private struct State {
        var messages: [Message] = []
        var answer: @Sendable (Message) async -> PreparedResponse = { _ in PreparedResponse(200) }
    }

    package let port: Int
    private let state: Mutex<State>

    private init(port: Int, state: consuming State = State()) {
        self.port = port
        self.state = Mutex(state)
    }

    package var url: String { "http://127.0.0.1:\(port)/hooks" }
    /// In the order of their arrival.
    package var messages: [Message] { state.withLock { $0.messages } }

    /// Sets what every further request is answered with.
    package func answer(_ answer: @escaping @Sendable (Message) async -> PreparedResponse) {
        state.withLock { $0.answer = answer }
    }

    package func answer(_ status: Int, headers: [String: String] = [:], body: String = "") {
        answer { _ in PreparedResponse(status, headers: headers, body: body) }
    }

    /// Runs `body` with a receiver, which is stopped afterwards.
    package static func with(_ body: (WebhookReceiver) async throws -> Void) async throws {
        let box = Mutex<WebhookReceiver?>(nil)
        let (ports, onRunning) = AsyncStream.makeStream(of: Int.self)
        let logger = Logger(label: "webhook-receiver") { _ in SwiftLogNoOpLogHandler() }
        let server = HTTPServer(
            host: "127.0.0.1", port: 0, logger: logger,
            malformed: { _ in Response(status: .badRequest) },
            respond: { request in
                guard let receiver = box.withLock({ $0 }) else { return Response(status: .serviceUnavailable) }
                return await receiver.respond(to: request)
            },
            onRunning: { onRunning.yield($0) })
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: server, successTerminationBehavior: .ignore)], logger: logger))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var iterator = ports.makeAsyncIterator()
            guard let port = await iterator.next() else { throw CancellationError() }
            let receiver = WebhookReceiver(port: port)
            box.withLock { $0 = receiver }
            defer { tasks.cancelAll() }
            try await body(receiver)
        }
    }

    private func respond(to request: IncomingRequest) async -> Response {
        guard let bytes = try? await request.body.collect(upTo: 1 << 20) else { return Response(status: .badRequest) }
        let message = Message(
            headers: Dictionary(
                request.head.headerFields.map { ($0.name.canonicalName, $0.value) },
                uniquingKeysWith: { $0 + ", " + $1 }
            ),
            body: Array(buffer: bytes), path: request.head.path ?? "")
        let answer = state.withLock { state in
            state.messages.append(message)
            return state.answer
        }
        let given = await answer(message)
        var response = Response(
            status: HTTPResponse.Status(code: given.status), body: .buffer(ByteBuffer(string: given.body)))
        for (name, value) in given.headers {
            if let name = HTTPField.Name(name) { response.headers[name] = value }
        }
        return response
    }
}
