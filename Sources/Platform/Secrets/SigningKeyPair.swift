import CryptoExtras
import Foundation

/// An RSA key pair for signatures, as PEM text.
package struct SigningKeyPair: Sendable {
    /// PKCS#8 PEM.
    package let privatePEM: String

    /// Generates a key pair of 2,048 bits, which takes some hundred milliseconds of one core.
    package static func makeRSA() throws -> SigningKeyPair {
        SigningKeyPair(privatePEM: try _RSA.Signing.PrivateKey(keySize: .bits2048).pkcs8PEMRepresentation)
    }
}
