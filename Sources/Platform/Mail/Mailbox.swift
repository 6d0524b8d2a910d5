import DomainNames

/// An e-mail address in the form in which SMTP commands and header fields take it: ASCII throughout.
package struct Mailbox: Sendable, Hashable {
    /// `local@domain`; the local part is quoted where it has to be, the domain is in its ASCII form (RFC 5890).
    package let address: String
    package let domain: String

    /// - Throws: ``UnusableAddress`` for an address that no mail can be sent to from here.
    package init(_ text: String) throws(UnusableAddress) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { throw .malformed }
        guard parts[0].utf8.allSatisfy({ $0 < 128 }) else { throw .needsInternationalMail }
        guard parts[0].utf8.allSatisfy({ (33...126).contains($0) }) else { throw .malformed }
        guard let domain = DomainName.ascii(String(parts[1])) else { throw .malformed }
        self.domain = domain
        address = "\(Self.local(parts[0]))@\(domain)"
    }

    /// RFC 5322, section 3.4.1: dots between words of ordinary characters, or a quoted string.
    private static func local(_ text: Substring) -> String {
        let words = text.split(separator: ".", omittingEmptySubsequences: false)
        if words.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(HeaderText.isAtomText) }) { return String(text) }
        return "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}

/// Why no mail can be sent to an address.
package enum UnusableAddress: Error, CustomStringConvertible {
    case malformed
    /// The part before the `@` has letters beyond ASCII, which only few servers take (SMTPUTF8, RFC 6531).
    case needsInternationalMail

    package var description: String {
        switch self {
        case .malformed: "The recipient's address cannot stand in a mail."
        case .needsInternationalMail:
            "The recipient's address has characters before the '@' that mail servers take only with SMTPUTF8, which is not used here."
        }
    }
}

/// Who letters come from.
package struct Sender: Sendable {
    /// As people read it, such as the product's name.
    package let name: String
    package let mailbox: Mailbox

    package init(name: String, mailbox: Mailbox) {
        self.name = name
        self.mailbox = mailbox
    }
}
