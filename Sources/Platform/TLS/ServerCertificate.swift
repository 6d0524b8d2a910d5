package import Base
import NIOSSL

/// A certificate with its key, as a server uses it for new connections.
package struct ServerCertificate: Sendable {
    let context: NIOSSLContext
    package let notBefore: Instant
    package let notAfter: Instant
    /// Whether every user of the machine can read the file of the key.
    package let isKeyWorldReadable: Bool
}
