import Secrets

/// Whom an e-mail reaches, as limits of e-mails to one recipient count: the address as accounts are compared, without a
/// sub-address (RFC 5233). `name+first@example.org` and `name+second@example.org` are two addresses of one mailbox,
/// and otherwise anybody could make any number of them.
struct MailRecipient: Sendable, Hashable {
    let key: String

    /// - Parameter address: an e-mail address in any spelling, or the key of one.
    init(of address: String) {
        let key = CanonicalText.accountKey(of: address)
        guard let separator = key.lastIndex(of: "@"), let plus = key[..<separator].firstIndex(of: "+"),
            plus > key.startIndex
        else {
            self.key = key
            return
        }
        self.key = String(key[..<plus] + key[separator...])
    }

    /// The number of rows that recipients share as locks: a row each would be another table of addresses.
    private static let slots = 1_024

    /// The row that serialises transactions which count the e-mails to this recipient.
    var slot: Int64 {
        Int64(Digest.sha256(key.utf8).prefix(4).reduce(0) { $0 << 8 | Int($1) } % Self.slots)
    }
}
