import Foundation

/// A secret of Standard Webhooks: 24 to 64 bytes, as text `whsec_` and base64.
package struct StandardWebhookSecret: Sendable, Equatable {
    package let bytes: [UInt8]

    package static let prefix = "whsec_"
    private static let sizes = 24...64

    /// - Parameter bytes: 24 to 64 random bytes.
    package init(bytes: [UInt8]) {
        precondition(Self.sizes.contains(bytes.count), "a secret of a webhook has 24 to 64 bytes")
        self.bytes = bytes
    }

    /// - Parameter text: with or without the prefix.
    /// - Returns: nil for other text.
    package init?(_ text: String) {
        let encoded = text.hasPrefix(Self.prefix) ? String(text.dropFirst(Self.prefix.count)) : text
        guard let data = Data(base64Encoded: encoded), Self.sizes.contains(data.count) else { return nil }
        bytes = Array(data)
    }

    package var text: String { Self.prefix + Data(bytes).base64EncodedString() }
}
