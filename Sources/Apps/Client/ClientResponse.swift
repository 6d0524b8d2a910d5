package import Base
import Foundation

/// A response of the service, with any status.
package struct ClientResponse: Sendable {
    package let status: Int
    /// In the order of the response.
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]

    package init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package var isSuccess: Bool { (200..<300).contains(status) }

    /// The first header field of this name; case is ignored.
    package subscript(header name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// The body as text; invalid UTF-8 is replaced.
    package var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as JSON; nil where it is invalid. Every access parses it.
    package var json: JSONValue? { try? JSONDecoder().decode(JSONValue.self, from: Data(body)) }
}
