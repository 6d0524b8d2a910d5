import CryptoExtras
import Foundation

/// An RSA key pair for signatures, made here and kept as PEM text.
package struct SigningKeyPair: Sendable {
    /// PKCS#8 PEM.
    package let privatePEM: String

    /// Makes a new pair of 2,048 bits. It takes some hundred milliseconds of one core.
    package static func makeRSA() throws -> SigningKeyPair {
        SigningKeyPair(privatePEM: try _RSA.Signing.PrivateKey(keySize: .bits2048).pkcs8PEMRepresentation)
    }
}
