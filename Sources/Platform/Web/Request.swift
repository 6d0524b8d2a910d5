package import Base
package import HTTPTypes
import Synchronization

/// A request with its unread body. It is a class because every step, closure and task of a request holds it: a copy of
/// its twelve references cost more than most checks.
package final class Request: Sendable {
    package let method: HTTPRequest.Method
    /// The canonical path, such as `/v1/things/x`, without the query.
    package let path: String
    /// The values of the route's `{names}`, percent-decoded.
    package let parameters: [String: String]
    package let query: Query
    package let headers: HTTPFields
    package let body: RequestBody
    /// Identifies the request in logs, audit rows and responses.
    package let requestID: String
    /// The network address of the client.
    package let address: String
    /// When the head arrived.
    package let received: Instant
    /// The clock of ``received``; nil for a request whose age does not matter, such as that of a dry run.
    let clock: (@Sendable () -> Instant)?
    /// Values that steps leave for later ones.
    package let context = RequestContext()

    package init(
        method: HTTPRequest.Method,
        path: String,
        parameters: [String: String] = [:],
        query: Query = .empty,
        headers: HTTPFields = [:],
        body: RequestBody = .empty,
        requestID: String,
        address: String,
        received: Instant,
        clock: (@Sendable () -> Instant)? = nil
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
        self.clock = clock
    }
}

/// Values that the steps of a request share, at most one of each type: a verified caller is not verified twice.
package final class RequestContext: Sendable {
    /// A value in a class of its own, so that reading it needs no dynamic cast.
    private final class Entry<Value: Sendable>: Sendable {
        let value: Value
        init(_ value: Value) { self.value = value }
    }

    private struct State {
        // A handful at most: a linear scan is faster than hashing.
        var entries: [(type: ObjectIdentifier, entry: any AnyObject & Sendable)] = []
        var user: String?

        func index(of type: ObjectIdentifier) -> Int? { entries.firstIndex { $0.type == type } }
    }

    /// Values for which an array is allocated at once.
    private static let usualCount = 6

    private let state = Mutex(State())

    package func value<Value: Sendable>(of _: Value.Type = Value.self) -> Value? {
        state.withLock { state in
            guard let index = state.index(of: ObjectIdentifier(Value.self)) else { return nil }
            // An entry is stored under the type of its value alone.
            return unsafeDowncast(state.entries[index].entry, to: Entry<Value>.self).value
        }
    }

    package func set<Value: Sendable>(_ value: Value) {
        let type = ObjectIdentifier(Value.self)
        let entry = Entry(value)
        state.withLock { state in
            if let index = state.index(of: type) {
                state.entries[index].entry = entry
            } else {
                if state.entries.isEmpty { state.entries.reserveCapacity(Self.usualCount) }
                state.entries.append((type, entry))
            }
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

    /// Of a target without a query.
    package static let empty = Query(values: [:])

    private init(values: [String: String]) { self.values = values }

    /// - Parameter place: of the text, for the problem: the query or the form.
    /// - Throws: `invalid-request` for broken percent-encoding, and for bytes that are not UTF-8.
    package init(_ text: some StringProtocol, of place: String = "query") throws(Problem) {
        var values: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first.flatMap({ FormText.decode($0) }),
                let value = parts.count > 1 ? FormText.decode(parts[1]) : ""
            else {
                throw Problem(
                    .invalidRequest, detail: "The \(place) has a parameter that is not percent-encoded UTF-8.")
            }
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
                guard let high = iterator.next().flatMap(Hex.value(of:)),
                    let low = iterator.next().flatMap(Hex.value(of:))
                else { return nil }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
