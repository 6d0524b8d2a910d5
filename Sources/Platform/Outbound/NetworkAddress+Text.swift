import Base
import Foundation

extension NetworkAddress {
    /// The usual text: that of RFC 5952 for an IPv6 address.
    var text: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        return text.withUnsafeMutableBufferPointer { buffer in
            inet_ntop(family, bytes, buffer.baseAddress, socklen_t(buffer.count)).map { String(cString: $0) } ?? ""
        }
    }
}
