/// No answer came: the service is not there, was too slow, or the connection broke.
package struct ClientError: Error, CustomStringConvertible {
    package let method: ClientMethod
    package let url: String
    package let cause: any Error

    package var description: String { "\(method.name) \(url) got no answer: \(cause)" }
}

/// A file that was to be sent and cannot be read as promised.
package struct UnreadableFile: Error, CustomStringConvertible {
    package let path: String
    package let reason: String

    package var description: String { "The file \(path) cannot be sent: \(reason)." }
}
