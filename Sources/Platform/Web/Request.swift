package import Base
package import HTTPTypes
import Synchronization

/// One request on its way in: who sent it, what it asks for, and its body, not yet read.
package struct Request: Sendable {
    package let method: HTTPRequest.Method
    /// The canonical path, such as `/v1/training/status/x`, without the query.
    package let path: String
    /// What the route's `{names}` matched, percent-decoded.
    package var parameters: [String: String]
    package let query: Query
    package let headers: HTTPFields
    package let body: RequestBody
    /// Names this request in logs, audit rows and answers.
    package let requestID: String
    /// The network address of the client.
    package let address: String
    /// When the request came in.
    package let received: Instant
    /// What was learned about this call on its way through the gate.
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

/// What requirements learn about a call and later ones build on: the caller, once verified, is not verified again.
package final class RequestContext: Sendable {
    private struct Known {
        // A handful at most: a scan over them beats hashing.
        var context: [(type: ObjectIdentifier, value: any Sendable)] = []
        var user: String?
    }

    private let known = Mutex(Known())

    package func value<Fact: Sendable>(of _: Fact.Type = Fact.self) -> Fact? {
        known.withLock { known in known.context.first { $0.type == ObjectIdentifier(Fact.self) }?.value as? Fact }
    }

    package func set<Fact: Sendable>(_ fact: Fact) {
        known.withLock { known in
            known.context.removeAll { $0.type == ObjectIdentifier(Fact.self) }
            known.context.append((ObjectIdentifier(Fact.self), fact))
        }
    }

    /// The account id that the access log names.
    package var accountName: String? {
        get { known.withLock { $0.user } }
        set { known.withLock { $0.user = newValue } }
    }
}

/// The query of a request's target, decoded. Of a name that comes twice the last value counts.
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

/// Percent-encoding, and the form variant of it in which a plus sign is a space.
package enum FormText {
    /// - Returns: nil where the encoding is broken or the bytes are not UTF-8.
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
