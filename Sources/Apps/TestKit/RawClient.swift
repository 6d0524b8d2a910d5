import Base
import Foundation

/// A client that sends exactly the given bytes, on a thread of its own. Every wait is bounded.
package actor RawClient {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
        package init(_ what: String) { description = "\(what): \(String(cString: strerror(errno)))" }
    }

    /// Seconds that one read or write may take.
    private static let timeoutSeconds = 20

    private let executor = BlockingExecutor(label: "raw-client")
    private let socket: CInt
    private var received: [UInt8] = []
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameter receiveBuffer: the bytes that the kernel buffers while the client does not read.
    package init(port: Int, receiveBuffer: CInt? = nil) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        try self.init(family: AF_INET, address: address, receiveBuffer: receiveBuffer)
    }

    package init(unixSocket path: String) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        try self.init(family: AF_UNIX, address: address, receiveBuffer: nil)
    }

    private init<Address>(family: CInt, address: Address, receiveBuffer: CInt?) throws {
        socket = Foundation.socket(family, CInt(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { throw Failure("socket") }
        if var receiveBuffer {
            setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<CInt>.size))
        }
        var time = timeval(tv_sec: Self.timeoutSeconds, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        let result = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
        guard result == 0 else {
            Foundation.close(socket)
            throw Failure("connect")
        }
    }

    deinit { Foundation.close(socket) }

    package func send(_ text: String) throws { try send(Array(text.utf8)) }

    package func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Foundation.send(socket, $0.baseAddress?.advanced(by: sent), bytes.count - sent, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure("send") }
            sent += count
        }
    }

    /// Closes the sending side; reading continues.
    package func finishSending() { shutdown(socket, CInt(SHUT_WR)) }

    /// The next response, with a body of its Content-Length.
    package func response(toHead isHead: Bool = false) throws -> RawResponse {
        let end = Array("\r\n\r\n".utf8)
        var headEnd = received.firstRange(of: end)
        while headEnd == nil {
            guard try receive() else { throw Failure("closed before a response") }
            headEnd = received.firstRange(of: end)
        }
        guard let headEnd,
            var response = RawResponse(head: String(decoding: received[..<headEnd.lowerBound], as: UTF8.self))
        else {
            throw Failure("malformed response")
        }
        received.removeFirst(headEnd.upperBound)
        if !isHead, response.status >= 200 {
            response.body = try bytes(response.headers["content-length"].flatMap { Int($0) } ?? 0)
        }
        return response
    }

    package func bytes(_ count: Int) throws -> [UInt8] {
        while received.count < count { guard try receive() else { throw Failure("closed early") } }
        defer { received.removeFirst(count) }
        return Array(received[..<count])
    }

    /// Reads and drops bytes until the server closes.
    /// - Returns: their number.
    /// - Throws: when the connection is reset.
    package func countToEnd() throws -> Int {
        var count = received.count
        received = []
        while try receive() {
            count += received.count
            received = []
        }
        return count
    }

    /// - Returns: false at the end of the stream.
    private func receive() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(socket, &buffer, buffer.count, 0)
        guard count >= 0 else { throw Failure("receive") }
        received.append(contentsOf: buffer[..<count])
        return count > 0
    }
}
