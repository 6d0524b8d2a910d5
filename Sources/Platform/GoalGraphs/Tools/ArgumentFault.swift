/// Why an argument of a tool is not accepted.
package struct ArgumentFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Such as `conditions[0].column`.
    package let path: String
    /// A sentence without its subject, such as `is missing`.
    package let detail: String

    package init(_ path: String, _ detail: String) {
        self.path = path
        self.detail = detail
    }

    package var description: String { "'\(path)' \(detail)" }
}
