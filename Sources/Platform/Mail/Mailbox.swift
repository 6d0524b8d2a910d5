import DomainNames

/// An e-mail address in the ASCII form that SMTP commands and header fields require.
package struct Mailbox: Sendable, Hashable {
    /// `local@domain`; the local part is quoted where necessary, the domain is in its ASCII form (RFC 5890).
    package let address: String
    package let domain: String

    /// - Throws: ``UnusableAddress`` for an address that this server cannot send to.
    package init(_ text: String) throws(UnusableAddress) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { throw .malformed }
        guard parts[0].utf8.allSatisfy({ $0 < 128 }) else { throw .needsInternationalMail }
        guard parts[0].utf8.allSatisfy({ (33...126).contains($0) }) else { throw .malformed }
        guard let domain = DomainName.ascii(String(parts[1])) else { throw .malformed }
        self.domain = domain
        address = "\(Self.local(parts[0]))@\(domain)"
    }

    /// A dot-atom or a quoted string (RFC 5322, section 3.4.1).
    private static func local(_ text: Substring) -> String {
        let words = text.split(separator: ".", omittingEmptySubsequences: false)
        if words.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(HeaderText.isAtomText) }) { return String(text) }
        return "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}

/// The reason why no e-mail can be sent to an address.
package enum UnusableAddress: Error, CustomStringConvertible {
    case malformed
    /// The local part has non-ASCII characters, which require SMTPUTF8 (RFC 6531).
    case needsInternationalMail

    package var description: String {
        switch self {
        case .malformed: "The recipient's address is not a valid e-mail address."
        case .needsInternationalMail:
            "The recipient's address has non-ASCII characters before the '@', which require SMTPUTF8. "
                + "SMTPUTF8 is not supported."
        }
    }
}

/// The sender of e-mails.
package struct Sender: Sendable {
    /// The display name, such as the product's name.
    package let name: String
    package let mailbox: Mailbox

    package init(name: String, mailbox: Mailbox) {
        self.name = name
        self.mailbox = mailbox
    }
}
