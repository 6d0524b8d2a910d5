import Foundation

/// A socket that accepts connections: a port of 127.0.0.1, or a name of the abstract namespace.
final class TestListener {
    let name = "gatehouse-\(UUID().uuidString)"
    let port: Int
    private let descriptor: Int32

    struct Failure: Error { let code = errno }

    init(family: Int32) throws {
        descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        if family == AF_INET {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            withUnsafeMutableBytes(of: &storage) { bytes in
                withUnsafeBytes(of: &address) { bytes.copyMemory(from: $0) }
            }
        } else {
            let bytes = [UInt8](name.utf8)
            withUnsafeMutableBytes(of: &storage) { storage in
                storage.storeBytes(of: sa_family_t(AF_UNIX), as: sa_family_t.self)
                for (index, byte) in bytes.enumerated() { storage[3 + index] = byte }
            }
            length = socklen_t(3 + bytes.count)
        }
        let descriptor = descriptor
        let isBound = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        guard isBound == 0, listen(descriptor, 8) == 0 else { throw Failure() }
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }
}
