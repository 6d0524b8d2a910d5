import Billing
import Secrets

extension Configuration {
    /// The account that payments by UPI go to; nil where none is configured.
    var upiSettings: UPISettings? {
        guard let upiAddress, let upiMerchantName else { return nil }
        return UPISettings(
            address: upiAddress, merchantName: upiMerchantName,
            callbackSecrets: upiCallbackSecrets.compactMap { StandardWebhookSecret($0) })
    }

    var upiFaults: [String] {
        var faults: [String] = []
        if let upiAddress, let fault = UPISettings.fault(ofAddress: upiAddress) { faults.append("UPI_ID: \(fault)") }
        if upiAddress != nil, upiMerchantName == nil { faults.append("UPI_MERCHANT_NAME: is required with UPI_ID") }
        if upiAddress == nil, upiMerchantName != nil { faults.append("UPI_ID: is required with UPI_MERCHANT_NAME") }
        if upiAddress == nil, !upiCallbackSecrets.isEmpty {
            faults.append("UPI_ID: is required with UPI_CALLBACK_SECRET")
        }
        if upiCallbackSecrets.contains(where: { StandardWebhookSecret($0) == nil }) {
            faults.append("UPI_CALLBACK_SECRET: is not whsec_ and the base64 of 24 to 64 bytes")
        }
        return faults
    }
}
