package import Base
package import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
package import Telemetry

/// Encrypts the connections of a server. ``reload()`` replaces the certificate for new connections; those that are open
/// keep theirs.
package final class ServerTLS: Sendable {
    private let files: CertificateFiles
    private let current: Mutex<ServerCertificate>
    private let metrics: Metrics
    private let logger: Logger
    private let now: @Sendable () -> Instant

    /// From the server's `close_notify` to the end of a connection whose client does not answer it.
    static let closeTimeout = TimeAmount.seconds(1)

    private static let failures = "gatehouse_tls_handshake_failures_total"
    private static let end = "gatehouse_tls_certificate_not_after_seconds"

    /// Reads the files. Blocks.
    package init(
        _ files: CertificateFiles, metrics: Metrics, logger: Logger, now: @escaping @Sendable () -> Instant
    ) throws(CertificateFault) {
        self.files = files
        self.metrics = metrics
        self.logger = logger
        self.now = now
        let certificate = try files.read()
        current = Mutex(certificate)
        metrics.describe(Self.failures, "Handshakes of TLS that clients began and that did not complete, by reason.")
        metrics.describe(Self.end, "When the certificate of the server expires, in seconds since 1970.")
        took(certificate)
    }

    /// Reads the files again. Where they cannot be used, an error is logged and the certificate stays as it is.
    /// - Returns: whether new connections get the certificate of the files.
    @discardableResult package func reload() async -> Bool {
        let result: Result<ServerCertificate, CertificateFault>
        do {
            result = try await NIOThreadPool.singleton.runIfActive { [files] in
                Result { () throws(CertificateFault) in try files.read() }
            }
        } catch {
            // The pool of threads ends with the process.
            return false
        }
        switch result {
        case .success(let certificate):
            current.withLock { $0 = certificate }
            took(certificate)
            logger.notice(
                "the certificate of the server is reloaded", metadata: ["not_after": "\(certificate.notAfter)"])
            return true
        case .failure(let fault):
            logger.error(
                """
                the certificate of the server is not reloaded, and the earlier one stays in use: correct the file and \
                send SIGHUP again
                """,
                metadata: ["cause": "\(fault)"])
            return false
        }
    }

    /// Adds the handlers of TLS to the empty pipeline of a new connection.
    /// - Parameter plainResponse: a complete response to a request without TLS, after which the connection is closed.
    package func addHandlers(
        to pipeline: ChannelPipeline.SynchronousOperations, within limits: HandshakeLimits,
        plainResponse: @escaping () -> ByteBuffer?
    ) throws {
        let limiter = HandshakeLimiter(limits: limits, plainResponse: plainResponse) { [metrics] failure in
            metrics.increment(Self.failures, [("reason", failure.rawValue)])
        }
        let context = current.withLock { $0.context }
        try pipeline.addHandlers([limiter, NIOSSLServerHandler(context: context), TLSEventHandler(limiter)])
    }

    private func took(_ certificate: ServerCertificate) {
        metrics.set(Self.end, to: Double(certificate.notAfter.seconds))
        if certificate.isKeyWorldReadable {
            logger.warning(
                "every user of this machine can read the key of the server's certificate: chmod o-r",
                metadata: ["file": "\(files.key)"])
        }
        let now = now()
        if certificate.notAfter < now {
            logger.error(
                "the certificate of the server has expired: clients refuse it. Replace it and send SIGHUP",
                metadata: ["file": "\(files.certificate)", "not_after": "\(certificate.notAfter)"])
        } else if now < certificate.notBefore {
            logger.warning(
                "the certificate of the server is not yet valid",
                metadata: ["file": "\(files.certificate)", "not_before": "\(certificate.notBefore)"])
        }
    }
}
