import Base
import CCurl
import Jobs

/// A mail server that messages are handed to, by libcurl.
package struct SMTPServer: Sendable {
    package enum Security: String, Sendable, CaseIterable {
        /// The connection begins in the clear and is encrypted before anything is said; a server that cannot do so is left.
        case starttls
        /// Encrypted from its first byte on (RFC 8314).
        case tls
        /// Never encrypted: for a server on this machine.
        case none
    }

    private let url: String
    private let security: Security
    private let caFile: String?
    private let user: String?
    private let password: String?
    private let timeout: Duration

    private static let connectTimeout: Duration = .seconds(10)

    /// - Parameters:
    ///   - user: nil for a server that asks for no name.
    ///   - caFile: a PEM file of certificates to trust in place of the system's.
    ///   - name: what this side calls itself (EHLO): the sender's domain.
    ///   - timeout: for one message from connecting to the last answer.
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

    /// Hands over one message, on the calling thread.
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

/// A message that the server did not take, or of which nobody knows.
///
/// Of what the server says only the codes are kept: its words often repeat the recipient's address.
package struct DeliveryFailure: Error, CustomStringConvertible, Equatable {
    package enum Cause: Sendable, Equatable {
        /// The server refused this message for good (RFC 5321, section 4.2.1: 5yz).
        case refused
        /// The server refused it for now (4yz).
        case postponed
        /// The server refused our name, our password, or that we have none. The letter is not to blame, and waits for somebody to mend it.
        case denied
        /// The connection could not be encrypted, or the server is not who it should be.
        case unsafe
        /// There was no server, or it went away.
        case unreachable
    }

    package let cause: Cause
    /// Whether the server may have taken the message all the same.
    package let isDoubtful: Bool
    package let description: String

    /// Replies that ask for (better) credentials: RFC 4954, section 6.
    private static let credentialCodes: Set<Int> = [530, 534, 535, 538]

    fileprivate init(_ outcome: gatehouse_smtp_outcome) {
        let code = Int(outcome.reply_code)
        let codes = Self.codes(Self.text(outcome.reply), beginningWith: code)
        let explanation = Self.text(outcome.explanation)
        isDoubtful = outcome.is_handed_over != 0 && code < 400
        if gatehouse_smtp_is_unsafe(outcome.result) != 0 {
            (cause, description) = (.unsafe, "The connection to the mail server is not safe: \(explanation).")
        } else if gatehouse_smtp_is_denied(outcome.result) != 0 || Self.credentialCodes.contains(code) {
            (cause, description) = (.denied, "The mail server does not accept SMTP_USER and SMTP_PASSWORD (\(codes)).")
        } else if code >= 500 {
            (cause, description) = (.refused, "The mail server refused the letter (\(codes)).")
        } else if code >= 400 {
            (cause, description) = (.postponed, "The mail server cannot take the letter now (\(codes)).")
        } else {
            (cause, description) = (.unreachable, "The mail server could not be reached, or went away: \(explanation).")
        }
    }

    /// What the queue is to do about it.
    var remedy: JobFailure {
        switch cause {
        case .refused: .permanent(description)
        case .postponed, .denied, .unsafe, .unreachable: .retry(reason: description)
        }
    }

    /// The reply code and, where the line has one, the enhanced code (RFC 3463), such as `550 5.1.1`.
    private static func codes(_ line: String, beginningWith code: Int) -> String {
        guard let match = line.prefixMatch(of: /[0-9]{3}[ -]([245]\.[0-9]{1,3}\.[0-9]{1,3})/), line.hasPrefix("\(code)")
        else { return "\(code)" }
        return "\(code) \(match.output.1)"
    }

    /// The text in one of C's arrays of characters, which Swift sees as a tuple.
    private static func text(_ array: some Any) -> String {
        withUnsafeBytes(of: array) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
