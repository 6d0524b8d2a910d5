package import Base
import Foundation

/// Looks up the addresses of a name. Tests replace the look-up.
package struct AddressResolver: Sendable {
    let addresses: @Sendable (_ name: String) async throws -> [NetworkAddress]

    /// - Parameter addresses: throws, or returns no address, for a name that cannot be resolved.
    package init(_ addresses: @escaping @Sendable (_ name: String) async throws -> [NetworkAddress]) {
        self.addresses = addresses
    }

    /// The resolver of the system, `getaddrinfo`. It blocks, so that it has threads of its own: names whose servers do
    /// not answer delay no other work.
    package static func system() -> AddressResolver {
        let pool = BlockingPool(name: "resolver", threads: 8, capacity: 256)
        return AddressResolver { name in
            // The iteration ends when the task is cancelled, the look-up when the system's resolver gives up.
            let (found, continuation) = AsyncThrowingStream<[NetworkAddress], any Error>.makeStream()
            let isAccepted = pool.add {
                continuation.yield(lookUp(name))
                continuation.finish()
            }
            guard isAccepted else { throw UserURLFailure.overloaded }
            for try await addresses in found { return addresses }
            throw CancellationError()
        }
    }

    private static func lookUp(_ name: String) -> [NetworkAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        return sequence(first: list) { $0?.pointee.ai_next }.prefix { $0 != nil }.compactMap { entry in
            guard let entry = entry?.pointee, let address = entry.ai_addr else { return nil }
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            guard
                getnameinfo(
                    address, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
            else { return nil }
            // A zone, as in fe80::1%eth0, names an interface of this machine.
            return text.withUnsafeBufferPointer { buffer in
                buffer.baseAddress.flatMap { NetworkAddress(String(cString: $0).prefix { $0 != "%" }) }
            }
        }
    }
}
