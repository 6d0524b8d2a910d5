package import Modules
import NIOCore

/// A message to append to a topic.
package struct NewMessage: Sendable {
    package let type: String
    /// A JSON value in one line.
    let data: String

    /// UTF-8 bytes of `data`. With its envelope a message is smaller than 64 KiB, the limit of one message of a
    /// WebSocket.
    package static let dataBytesMax = (64 << 10) - 512

    /// - Parameters:
    ///   - type: 1 to 64 letters, digits, `_`, `-` and `.`.
    ///   - data: encoded as in a response.
    /// - Throws: `internal-error` for data above ``dataBytesMax``.
    package init(_ type: String, _ data: some Payload) throws(Problem) {
        precondition(
            (1...64).contains(type.utf8.count)
                && type.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C },
            "'\(type)' is not the type of a message")
        self.type = type
        self.data = String(buffer: try data.encoded())
        guard self.data.utf8.count <= Self.dataBytesMax else {
            throw Problem(.internalError, cause: TooLarge(type: type))
        }
    }

    package struct TooLarge: Error {
        let type: String
    }
}
