import Base
import Foundation
import HTTPTypes
import NIOCore
import Synchronization
import Telemetry
import Web

/// A dispatcher with the routes of a test.
struct WebFixture: Sendable {
    let dispatcher: RequestDispatcher
    let log = LogOutput(keepsLines: true)
    let metrics = Metrics()

    init(_ routes: [Route], corsOrigins: [String] = []) {
        let log = log
        let logger = Logger(label: "test") { LineLogHandler(label: $0, format: .json, level: .info, output: log) }
        dispatcher = RequestDispatcher(
            routes: routes, corsOrigins: corsOrigins, metrics: metrics, logger: logger, runtime: .system)
    }

    func call(
        _ method: String, _ path: String, headers: [String: String] = [:], body: RequestBody = RequestBody(bytes: [])
    ) async -> TestedResponse {
        var head = HTTPRequest(
            method: HTTPRequest.Method(method) ?? .get, scheme: "http", authority: "localhost", path: path)
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { head.headerFields[name] = value }
        }
        return TestedResponse(await dispatcher.respond(to: head, body: body, address: "192.0.2.9"))
    }

    func post(_ path: String, _ text: String, contentType: String? = "application/json") async -> TestedResponse {
        await call(
            "POST", path, headers: contentType.map { ["Content-Type": $0] } ?? [:],
            body: RequestBody(bytes: Array(text.utf8)))
    }

    /// The lines of the log, parsed as JSON.
    func lines() throws -> [JSONValue] { try log.lines.map { try JSONValue(parsing: $0.utf8) } }
}

/// A response with its body as text.
struct TestedResponse {
    let status: Int
    let headers: HTTPFields
    let text: String

    init(_ response: Response) {
        status = response.status.code
        headers = response.headers
        text = if case .buffer(let buffer) = response.body { String(buffer: buffer) } else { "" }
    }

    var json: JSONValue { (try? JSONValue(parsing: text.utf8)) ?? .null }
    subscript(_ name: String) -> JSONValue? { json[name] }
    var code: String? { self["code"]?.string }
    var faults: [String: String] {
        let pairs =
            self["errors"]?.array?.compactMap { fault in
                fault["pointer"]?.string.map { ($0, fault["detail"]?.string ?? "") }
            } ?? []
        return Dictionary(pairs) { "\($0); \($1)" }
    }
}

/// Records events in their order.
final class Tally: Sendable {
    private let events = Mutex<[String]>([])
    func note(_ event: String) { events.withLock { $0.append(event) } }
    var all: [String] { events.withLock { $0 } }
}
