import Foundation

/// The keys that values at rest are encrypted with, of one text: `ENCRYPTION_KEY`.
///
/// The text is a secret of any form, or one or several Fernet keys separated by commas. Of several the first encrypts
/// and each decrypts; the last one also derives the keys of other purposes, so that a new key before it changes none of
/// them.
package struct EncryptionKeys: Sendable {
    package let sealer: Sealer
    package let fernet: Fernet

    package init(_ text: String) {
        let parts = Self.parts(of: text)
        let keys = parts.compactMap { Fernet.Key($0) }
        if keys.count == parts.count {
            sealer = Sealer(secrets: parts)
            fernet = Fernet(keys: keys)
        } else {
            sealer = Sealer(secret: text)
            fernet = Fernet(keys: [Fernet.Key(sealer.key(for: "Fernet tokens"))])
        }
    }

    /// Why a text would not be used as it is meant; nil for a usable one. A comma may be part of a secret, but a list
    /// with a mistyped Fernet key would be taken for another secret, and nothing sealed before could be opened.
    package static func fault(of text: String) -> String? {
        let parts = parts(of: text)
        let invalid = parts.filter { Fernet.Key($0) == nil }.count
        guard invalid > 0, invalid < parts.count else { return nil }
        return "is a list of Fernet keys, and \(invalid) of its \(parts.count) parts have another form"
    }

    private static func parts(of text: String) -> [String] {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        return parts.count == 1 ? [text] : parts.map { $0.trimmingCharacters(in: .whitespaces) }
    }
}
