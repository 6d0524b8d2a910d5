import Base
import CCurl

/// The SMTP server that messages are sent to, with libcurl.
package struct SMTPServer: Sendable {
    package enum Security: String, Sendable, CaseIterable {
        /// The connection is encrypted by STARTTLS before any command; a server without STARTTLS is refused.
        case starttls
        /// Implicit TLS (RFC 8314).
        case tls
        /// Without encryption, for a server on the same host.
        case none
    }

    private let url: String
    private let security: Security
    private let caFile: String?
    private let user: String?
    private let password: String?
    private let timeout: Duration

    private static let connectTimeout: Duration = .seconds(10)
    /// For one reply. Servers that scan a message take their time before they accept it.
    private static let stepTimeout: Duration = .seconds(20)
    private static let quitTimeout: Duration = .seconds(1)

    /// - Parameters:
    ///   - user: nil for a server without authentication.
    ///   - caFile: a PEM file of certificates that replace the system's trust store.
    ///   - name: the argument of EHLO: the sender's domain.
    ///   - timeout: for one message, from the connection to the reply to QUIT.
    package init(
        host: String,
        port: Int,
        security: Security,
        user: String? = nil,
        password: String? = nil,
        caFile: String? = nil,
        name: String,
        timeout: Duration = .seconds(30)
    ) {
        let bracketed = host.contains(":") ? "[\(host)]" : host
        url = "\(security == .tls ? "smtps" : "smtp")://\(bracketed):\(port)/\(name)"
        self.security = security
        self.caFile = caFile
        self.user = user
        self.password = password
        self.timeout = timeout
    }

    /// Sends one message and blocks the calling thread.
    func deliver(_ message: Message) throws(DeliveryFailure) {
        let outcome = send(message)
        guard outcome.result != 0 else { return }
        throw DeliveryFailure(outcome)
    }

    private func send(_ message: Message) -> gatehouse_smtp_outcome {
        var outcome = gatehouse_smtp_outcome()
        let milliseconds = { (duration: Duration) in Int(duration.microseconds / 1_000) }
        withOptionalCString(caFile) { caFile in
            withOptionalCString(user) { user in
                withOptionalCString(password) { password in
                    message.bytes.withUnsafeBytes { bytes in
                        url.withCString { url in
                            message.sender.address.withCString { sender in
                                message.recipient.address.withCString { recipient in
                                    var request = gatehouse_smtp_request(
                                        url: url,
                                        requires_starttls: security == .starttls ? 1 : 0,
                                        ca_file: caFile,
                                        user: user,
                                        password: password,
                                        sender: sender,
                                        recipient: recipient,
                                        message: bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                                        message_bytes: bytes.count,
                                        connect_timeout_ms: milliseconds(Self.connectTimeout),
                                        step_timeout_ms: milliseconds(min(Self.stepTimeout, timeout)),
                                        quit_timeout_ms: milliseconds(min(Self.quitTimeout, timeout / 4)),
                                        timeout_ms: milliseconds(timeout)
                                    )
                                    gatehouse_smtp_send(&request, &outcome)
                                }
                            }
                        }
                    }
                }
            }
        }
        return outcome
    }
}

private func withOptionalCString<Result>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
    guard let text else { return body(nil) }
    return text.withCString { body($0) }
}
