package import Base
import Foundation

/// What the service answered: a refusal as much as a success.
package struct ClientResponse: Sendable {
    package let status: Int
    /// In the order in which they came.
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]

    package init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package var isSuccess: Bool { (200..<300).contains(status) }

    /// The first header field of this name, in whatever case.
    package subscript(header name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// The body as text; what is not UTF-8 is replaced.
    package var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as JSON, nil where it is none. It is read anew at every look: keep it where it is large.
    package var json: JSONValue? { try? JSONDecoder().decode(JSONValue.self, from: Data(body)) }
}
