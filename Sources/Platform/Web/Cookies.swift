import HTTPTypes

/// The cookies of a request (RFC 6265, section 4.2).
package struct Cookies: Sendable {
    /// The values of the `Cookie` fields.
    private let fields: [String]

    package init(_ fields: [String] = []) { self.fields = fields }

    package static let none = Cookies()

    /// - Returns: the value of the first cookie of this name; nil where there is none.
    package subscript(_ name: String) -> String? {
        for field in fields {
            for pair in field.split(separator: ";") {
                let parts = pair.drop { $0 == " " }.split(
                    separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                if parts.count == 2, parts[0] == name { return String(parts[1]) }
            }
        }
        return nil
    }
}

extension Request {
    package var cookies: Cookies { headers.contains(.cookie) ? Cookies(headers[values: .cookie]) : .none }
}
