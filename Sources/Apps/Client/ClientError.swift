/// There is no response: the connection was refused or closed, or the timeout passed.
package struct ClientError: Error, CustomStringConvertible {
    package let method: ClientMethod
    package let url: String
    package let cause: any Error

    package var description: String { "\(method.name) \(url) got no response: \(cause)" }
}

/// A file of a body cannot be read, or is shorter than declared.
package struct UnreadableFile: Error, CustomStringConvertible {
    package let path: String
    package let reason: String

    package var description: String { "The file \(path) cannot be sent: \(reason)." }
}
