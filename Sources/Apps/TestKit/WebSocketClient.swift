package import Base
import Foundation

/// A client of one WebSocket, on a thread of its own. It sends nothing by itself, and every wait is bounded.
package actor WebSocketClient {
    package struct Failure: Error {
        package let what: String
    }

    package struct Frame: Sendable, Equatable {
        package let opcode: UInt8
        package let payload: [UInt8]

        package var text: String { String(decoding: payload, as: UTF8.self) }
        package var value: JSONValue { (try? JSONValue(parsing: payload)) ?? .null }
        /// Of a close frame.
        package var code: Int? { opcode == 8 && payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : nil }
    }

    /// Seconds that one read or write may take.
    private static let timeoutSeconds = 20

    private let executor = BlockingExecutor(label: "websocket-client")
    private let socket: CInt
    private var received: [UInt8] = []
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package init(port: Int) throws {
        socket = Foundation.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var time = timeval(tv_sec: Self.timeoutSeconds, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure(what: "connect") }
    }

    deinit { Foundation.close(socket) }

    /// Sends the opening handshake.
    /// - Returns: the status of the response.
    package func open(_ path: String, headers: [String: String] = [:]) throws -> Int {
        let fields = headers.map { "\($0): \($1)\r\n" }.joined()
        try write(
            Array(
                ("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\(fields)\r\n").utf8)
        )
        let end = Array("\r\n\r\n".utf8)
        while received.firstRange(of: end) == nil { try receive() }
        guard let range = received.firstRange(of: end),
            let status = String(decoding: received[..<range.lowerBound], as: UTF8.self).split(separator: " ")
                .dropFirst().first.flatMap({ Int($0) })
        else { throw Failure(what: "no response") }
        received.removeFirst(range.upperBound)
        return status
    }

    /// The next frame of the server.
    package func frame() throws -> Frame {
        let head = try bytes(2)
        var length = Int(head[1])
        if length > 125 { length = try bytes(length == 126 ? 2 : 8).reduce(0) { $0 << 8 | Int($1) } }
        return Frame(opcode: head[0] & 0x0F, payload: try bytes(length))
    }

    /// Answers the close frame of the server.
    package func close(_ code: Int) throws {
        try write([0x88, 0x82, 0, 0, 0, 0, UInt8(code >> 8), UInt8(code & 0xFF)])
    }

    /// Sends a whole message, masked as the protocol demands.
    /// - Parameter opcode: 1 for text, 2 for binary.
    package func send(_ payload: [UInt8], opcode: UInt8 = 1) throws {
        var frame = [0x80 | opcode]
        switch payload.count {
        case ...125: frame.append(0x80 | UInt8(payload.count))
        case ...0xFFFF: frame += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default:
            frame.append(0x80 | 127)
            frame += (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        // A mask of zeros changes nothing.
        try write(frame + [0, 0, 0, 0] + payload)
    }

    private func bytes(_ count: Int) throws -> [UInt8] {
        while received.count < count { try receive() }
        defer { received.removeFirst(count) }
        return Array(received[..<count])
    }

    private func write(_ bytes: [UInt8]) throws {
        guard Foundation.send(socket, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count else {
            throw Failure(what: "send")
        }
    }

    private func receive() throws {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(socket, &buffer, buffer.count, 0)
        guard count > 0 else { throw Failure(what: count == 0 ? "closed" : "receive") }
        received.append(contentsOf: buffer[..<count])
    }
}
