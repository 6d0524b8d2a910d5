import CCurl
import Jobs

/// An attempt to send a message that the server did not confirm.
///
/// Only the codes of the server's reply are kept: its text often repeats the recipient's address.
package struct DeliveryFailure: Error, CustomStringConvertible, Equatable {
    package enum Cause: Sendable, Equatable {
        /// A permanent negative reply (RFC 5321, section 4.2.1: 5yz).
        case refused
        /// A transient negative reply (4yz).
        case postponed
        /// The server refused the user name, the password or their absence. The job is retried until the settings are
        /// corrected.
        case denied
        /// TLS could not be negotiated, or the server's certificate was not accepted.
        case unsafe
        /// The connection could not be opened, or broke.
        case unreachable
    }

    package let cause: Cause
    /// Whether the server may have accepted the message nevertheless.
    package let isUnconfirmed: Bool
    package let description: String

    /// Reply codes for missing or wrong credentials (RFC 4954, section 6).
    private static let credentialCodes: Set<Int> = [530, 534, 535, 538]

    init(_ outcome: gatehouse_smtp_outcome) {
        let code = Int(outcome.reply_code)
        let codes = Self.codes(Self.text(outcome.reply), beginningWith: code)
        let explanation = Self.text(outcome.explanation)
        isUnconfirmed = outcome.is_handed_over != 0 && code < 400
        if gatehouse_smtp_is_unsafe(outcome.result) != 0 {
            (cause, description) = (.unsafe, "The connection to the mail server is not safe: \(explanation).")
        } else if gatehouse_smtp_is_denied(outcome.result) != 0 || Self.credentialCodes.contains(code) {
            (cause, description) = (.denied, "The mail server does not accept SMTP_USER and SMTP_PASSWORD (\(codes)).")
        } else if code >= 500 {
            (cause, description) = (.refused, "The mail server refused the message (\(codes)).")
        } else if code >= 400 {
            (cause, description) = (.postponed, "The mail server cannot accept the message now (\(codes)).")
        } else {
            (cause, description) = (
                .unreachable, "The mail server could not be reached, or closed the connection: \(explanation)."
            )
        }
    }

    /// The failure of the delivery job: permanent only where the server refused the message.
    var jobFailure: JobFailure {
        switch cause {
        case .refused: .permanent(description)
        case .postponed, .denied, .unsafe, .unreachable:
            .retry(within: MailDeliveryJob.waitMax, reason: description)
        }
    }

    /// The reply code and, where present, the enhanced status code (RFC 3463), such as `550 5.1.1`.
    private static func codes(_ line: String, beginningWith code: Int) -> String {
        guard let match = line.prefixMatch(of: /[0-9]{3}[ -]([245]\.[0-9]{1,3}\.[0-9]{1,3})/), line.hasPrefix("\(code)")
        else { return "\(code)" }
        return "\(code) \(match.output.1)"
    }

    /// The text of a C array of characters, which Swift imports as a tuple.
    private static func text(_ array: some Any) -> String {
        withUnsafeBytes(of: array) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
