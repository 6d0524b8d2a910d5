import Base

/// A request to the server, and its response.
package struct TestStripeExchange: Sendable {
    package let method: String
    /// Such as `/v1/customers/{id}`.
    package let route: String
    package let path: String
    package let fields: [(name: String, value: String)]
    package let idempotencyKey: String?
    package let account: String?
    package let version: String?
    package let status: Int
    package let body: [UInt8]

    /// As a line for `Tests/Cases/stripe/shapes.py`.
    var line: [UInt8] {
        let form = fields.map { JSONValue.array([.string($0.name), .string($0.value)]) }
        var line = Array("{\"body\":".utf8) + body + Array(",\"request\":".utf8)
        line = Array(line.dropLast("\"request\":".utf8.count))
        line += "\"method\":\"\(method)\",\"route\":\"\(route)\",\"status\":\(status),\"form\":".utf8
        line.append(json: .array(form))
        line.append(UInt8(ascii: "}"))
        return line
    }
}

/// Keeps a sample of what was sent: some exchanges for each set of fields and status, and some events of each type.
struct TestStripeRecorder {
    private static let samplesMax = 3
    private static let latestMax = 1_000

    private var samples: [String: [TestStripeExchange]] = [:]
    private var events: [String: [Members]] = [:]
    /// The newest requests, in order.
    private(set) var latest: [TestStripeExchange] = []

    mutating func record(_ request: TestStripeRequest, _ route: TestStripeRoute, _ response: TestStripeResponse) {
        let exchange = TestStripeExchange(
            method: request.method, route: route.path, path: "/" + request.segments.joined(separator: "/"),
            fields: request.fields, idempotencyKey: request.idempotencyKey, account: request.account,
            version: request.version, status: response.status, body: response.body)
        let names = request.fields.map(\.name).joined(separator: " ")
        let key = "\(request.method) \(route.path) \(names) \(response.status)"
        if samples[key, default: []].count < Self.samplesMax { samples[key, default: []].append(exchange) }
        latest.append(exchange)
        if latest.count >= 2 * Self.latestMax { latest.removeFirst(Self.latestMax) }
    }

    mutating func record(event: Members) {
        let type = event.string("type")
        if events[type, default: []].count < Self.samplesMax { events[type, default: []].append(event) }
    }

    /// Lines for `Tests/Cases/stripe/shapes.py`.
    var lines: [UInt8] {
        var lines: [UInt8] = []
        for exchange in samples.values.joined() { lines += exchange.line + [UInt8(ascii: "\n")] }
        for event in events.values.joined() {
            lines.append(json: ["object": .object(event)])
            lines.append(UInt8(ascii: "\n"))
        }
        return lines
    }
}
