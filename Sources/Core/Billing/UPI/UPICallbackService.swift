import Modules
import Secrets

/// Verifies the reports of the payment service (Standard Webhooks), and hands on what they say.
final class UPICallbackService: Sendable {
    private let receipts: UPIReceiptService
    private let settings: UPISettings?
    private let runtime: Runtime

    private static let amountMax: Int64 = 1_000_000_000_000
    private static let referenceBytesMax = 64

    init(receipts: UPIReceiptService, settings: UPISettings?, runtime: Runtime) {
        self.receipts = receipts
        self.settings = settings
        self.runtime = runtime
    }

    /// - Throws: `webhook-refused` unless it is signed; `not-configured` without a secret; `invalid-payload` for a
    ///   message that is no report; `bank-reference-used`.
    func accept(_ message: UPICallback.Message) async throws(Problem) -> UPICallbackReceipt {
        let secrets = settings?.callbackSecrets ?? []
        do throws(StandardWebhookSignature.Fault) {
            try StandardWebhookSignature.verify(
                message.bytes, header: message.values, at: runtime.now(), with: secrets)
        } catch {
            // Without a secret a well-formed message cannot be verified.
            guard error != .notSigned || !secrets.isEmpty else { throw Problem(.notConfigured) }
            throw Problem(.webhookRefused, detail: error.description)
        }
        let value: JSONValue
        do throws(JSONFault) { value = try JSONValue(parsing: message.bytes) } catch {
            throw Self.malformed("The body is not JSON.")
        }
        guard let reference = value["reference"]?.string, Self.isText(reference) else {
            throw Self.malformed(
                "The member reference has 1 to \(Self.referenceBytesMax) printable ASCII characters without spaces.")
        }
        switch value["status"]?.string {
        case "success", "succeeded", "completed":
            let receipt = try await receipts.receive(try report(value, reference))
            return UPICallbackReceipt(received: true, outcome: receipt.outcome)
        case "processing", "pending":
            try await receipts.note(.processing, of: reference)
        case "failed", "failure":
            try await receipts.note(.failed, of: reference)
        default:
            throw Self.malformed("The member status is success, processing or failed.")
        }
        return UPICallbackReceipt(received: true, outcome: nil)
    }

    private func report(_ value: JSONValue, _ reference: String) throws(Problem) -> UPIReport {
        guard case .integer(let amount)? = value["amount_minor"], (1...Self.amountMax).contains(amount) else {
            throw Self.malformed("The member amount_minor is a whole number from 1 to \(Self.amountMax).")
        }
        guard let currency = value["currency"]?.string.flatMap({ Currency($0) }) else {
            throw Self.malformed("The member currency is a code of three letters.")
        }
        guard let bankReference = value["bank_reference"]?.string.flatMap({ UPIReport.bankReference($0) }) else {
            throw Self.malformed("The member bank_reference has 4 to 64 letters, digits and hyphens.")
        }
        return UPIReport(bankReference: bankReference, reference: reference, amount: Money(amount, currency))
    }

    private static func isText(_ text: String) -> Bool {
        (1...referenceBytesMax).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }

    private static func malformed(_ detail: String) -> Problem { Problem(.invalidPayload, detail: detail) }
}
