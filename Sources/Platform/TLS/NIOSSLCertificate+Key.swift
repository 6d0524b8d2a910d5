import NIOSSL

extension NIOSSLCertificate {
    /// DER of the object identifiers rsaEncryption, prime256v1 and secp384r1 (RFC 8017, RFC 5480).
    private static let rsa: [UInt8] = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]
    private static let curves: [[UInt8]] = [
        [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07], [0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22],
    ]
    /// The identifiers stand before the key.
    private static let headerLength = 32
    /// The modulus of 2,048 bits alone.
    private static let rsaLengthMin = 256

    /// Whether the common clients of TLS accept its key. They refuse Ed25519, P-521 and short RSA keys in the handshake,
    /// without a word of the reason.
    var hasCommonKey: Bool {
        guard let info = try? extractPublicKey().toSPKIBytes() else { return false }
        let header = info.prefix(Self.headerLength)
        return header.contains(Self.rsa)
            ? info.count >= Self.rsaLengthMin : Self.curves.contains { header.contains($0) }
    }
}
