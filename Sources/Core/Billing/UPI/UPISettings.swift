package import Secrets

/// The account that UPI payments go to, and the secrets of the service that reports them.
package struct UPISettings: Sendable {
    /// The virtual payment address of the merchant, such as `shop@bank`.
    package let address: String
    package let merchantName: String
    /// Verify the service's callbacks: several while one is rotated. Empty where payments are confirmed by
    /// administrators alone.
    package let callbackSecrets: [StandardWebhookSecret]

    /// Characters of a name that apps show.
    static let nameMax = 50

    package init(address: String, merchantName: String, callbackSecrets: [StandardWebhookSecret]) {
        self.address = address
        self.merchantName = merchantName
        self.callbackSecrets = callbackSecrets
    }

    /// Why a text is no virtual payment address; nil for one that is.
    package static func fault(ofAddress text: String) -> String? {
        text.wholeMatch(of: /[A-Za-z0-9._\-]{2,200}@[A-Za-z][A-Za-z0-9.\-]{1,63}/) == nil
            ? "is no virtual payment address such as shop@bank" : nil
    }
}
