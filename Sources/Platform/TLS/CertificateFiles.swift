import Base
import Foundation
import NIOSSL

/// The PEM files of a server's certificate and of its private key.
package struct CertificateFiles: Sendable, Hashable {
    /// The path of the server's certificate and, behind it, of those that lead to an authority.
    package let certificate: String
    /// The path of the key of the first certificate, without a passphrase.
    package let key: String

    /// A chain has a few certificates.
    private static let bytesMax = 256 << 10

    package init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }

    /// Reads both files, and checks that they belong together. Blocks.
    package func read() throws(CertificateFault) -> ServerCertificate {
        let chain = try certificates()
        guard let own = chain.first else { throw CertificateFault(.certificate, noCertificate) }
        guard own.hasCommonKey else {
            throw CertificateFault(
                .certificate,
                "\(certificate) is for a key that browsers refuse. Use an ECDSA key on P-256 or P-384, or an RSA key of "
                    + "at least 2048 bits, and request a certificate for it.")
        }
        let privateKey = try privateKey()
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        configuration.minimumTLSVersion = .tlsv12
        // Of TLS 1.2: forward secrecy and authenticated encryption alone. TLS 1.3 has no others.
        configuration.cipherSuiteValues = [
            .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ]
        configuration.applicationProtocols = ["http/1.1"]
        configuration.shutdownTimeout = ServerTLS.closeTimeout
        let context: NIOSSLContext
        do { context = try NIOSSLContext(configuration: configuration) } catch {
            // Both files are readable for themselves: BoringSSL compares the key with the first certificate.
            throw CertificateFault(
                .key,
                "\(key) is not the key of the first certificate in \(certificate). Give the key that the certificate "
                    + "was requested with; in the other file the server's own certificate stands first.")
        }
        return ServerCertificate(
            context: context,
            notBefore: Instant(seconds: Int64(own.notValidBefore)),
            notAfter: Instant(seconds: Int64(own.notValidAfter)),
            isKeyWorldReadable: isKeyWorldReadable)
    }

    private var noCertificate: String {
        "\(certificate) has no certificate in PEM (-----BEGIN CERTIFICATE-----)."
    }

    private func certificates() throws(CertificateFault) -> [NIOSSLCertificate] {
        let bytes = try contents(of: certificate, as: .certificate)
        guard String(decoding: bytes, as: UTF8.self).contains("-----BEGIN CERTIFICATE-----") else {
            throw CertificateFault(.certificate, noCertificate)
        }
        do { return try NIOSSLCertificate.fromPEMBytes(bytes) } catch {
            throw CertificateFault(
                .certificate,
                "\(certificate) has a certificate that is damaged, or does not begin with -----BEGIN CERTIFICATE-----.")
        }
    }

    private func privateKey() throws(CertificateFault) -> NIOSSLPrivateKey {
        let bytes = try contents(of: key, as: .key)
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.contains(/-----BEGIN [A-Z ]*PRIVATE KEY-----/) else {
            throw CertificateFault(.key, "\(key) has no private key in PEM (-----BEGIN PRIVATE KEY-----).")
        }
        guard !text.contains("ENCRYPTED") else {
            throw CertificateFault(
                .key,
                "\(key) is encrypted with a passphrase, which the server has not. `openssl pkey -in FILE -out FILE` "
                    + "writes it without one.")
        }
        do { return try NIOSSLPrivateKey(bytes: bytes, format: .pem) } catch {
            throw CertificateFault(.key, "\(key) has a private key that is damaged or of an unknown kind.")
        }
    }

    private func contents(of path: String, as file: CertificateFault.File) throws(CertificateFault) -> [UInt8] {
        do throws(InputFileFault) { return try InputFile.bytes(of: path, upTo: Self.bytesMax) } catch {
            throw CertificateFault(file, error.description)
        }
    }

    private var isKeyWorldReadable: Bool {
        var status = stat()
        return stat(key, &status) == 0 && status.st_mode & S_IROTH != 0
    }
}
