package import Base
package import HTTPTypes
import Synchronization

/// A request with its unread body.
package struct Request: Sendable {
    package let method: HTTPRequest.Method
    /// The canonical path, such as `/v1/things/x`, without the query.
    package let path: String
    /// The values of the route's `{names}`, percent-decoded.
    package var parameters: [String: String]
    package let query: Query
    package let headers: HTTPFields
    package let body: RequestBody
    /// Identifies the request in logs, audit rows and responses.
    package let requestID: String
    /// The network address of the client.
    package let address: String
    /// When the head arrived.
    package let received: Instant
    /// Values that steps leave for later ones.
    package let context = RequestContext()

    package init(
        method: HTTPRequest.Method,
        path: String,
        parameters: [String: String] = [:],
        query: Query = Query(""),
        headers: HTTPFields = [:],
        body: RequestBody = RequestBody(bytes: []),
        requestID: String,
        address: String,
        received: Instant
    ) {
        self.method = method
        self.path = path
        self.parameters = parameters
        self.query = query
        self.headers = headers
        self.body = body
        self.requestID = requestID
        self.address = address
        self.received = received
    }
}

/// Values that the steps of a request share, at most one of each type: a verified caller is not verified twice.
package final class RequestContext: Sendable {
    private struct State {
        // A handful at most: a linear scan is faster than hashing.
        var values: [(type: ObjectIdentifier, value: any Sendable)] = []
        var user: String?
    }

    private let state = Mutex(State())

    package func value<Value: Sendable>(of _: Value.Type = Value.self) -> Value? {
        state.withLock { state in state.values.first { $0.type == ObjectIdentifier(Value.self) }?.value as? Value }
    }

    package func set<Value: Sendable>(_ value: Value) {
        state.withLock { state in
            state.values.removeAll { $0.type == ObjectIdentifier(Value.self) }
            state.values.append((ObjectIdentifier(Value.self), value))
        }
    }

    /// The account id for the access log.
    package var accountName: String? {
        get { state.withLock { $0.user } }
        set { state.withLock { $0.user = newValue } }
    }
}

/// The decoded query of a request target. Of a repeated name the last value is used.
package struct Query: Sendable {
    package let values: [String: String]

    package init(_ text: some StringProtocol) {
        var values: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first.flatMap({ FormText.decode($0) }),
                let value = parts.count > 1 ? FormText.decode(parts[1]) : ""
            else { continue }
            values[name] = value
        }
        self.values = values
    }

    package subscript(_ name: String) -> String? { values[name] }
}

/// Percent-encoding, and its form variant in which a plus sign is a space.
package enum FormText {
    /// - Returns: nil for broken encoding or invalid UTF-8.
    package static func decode(_ text: some StringProtocol, plusIsSpace: Bool = true) -> String? {
        var bytes: [UInt8] = []
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = iterator.next().flatMap(hexValue), let low = iterator.next().flatMap(hexValue) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
