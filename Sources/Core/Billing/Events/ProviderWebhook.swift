import HTTPTypes
import Modules
import NIOCore

/// The body of a webhook as it was sent, whatever its media type: its signature is over these bytes.
struct ProviderWebhook: Requirement {
    struct Delivery: Sendable {
        let bytes: [UInt8]
        /// The field `Stripe-Signature`; nil where there is none.
        let signature: String?
        /// Whether it was sent from this machine, and not forwarded by a proxy on it.
        let isLocal: Bool
    }

    /// Stripe's events have up to some hundred kilobytes.
    static let bytesMax = 1 << 20

    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { [.payloadTooLarge, .invalidPayload] }
    var summary: RequirementSummary {
        RequirementSummary(
            .body, "event", schema: .object(Schema.Object(properties: [], isOpen: true)), mediaType: "application/json")
    }

    func check(_ request: Request) async throws(Problem) -> Delivery {
        let body = try await request.body.collect(upTo: Self.bytesMax)
        return Delivery(
            bytes: Array(body.readableBytesView), signature: request.headers[.stripeSignature],
            isLocal: request.headers[.xForwardedFor] == nil && request.headers[.forwarded] == nil
                && NetworkAddress(request.address).map { address in
                    Self.loopback.contains { $0.contains(address) }
                } == true)
    }

    private static let loopback = ["127.0.0.0/8", "::1/128"].compactMap { NetworkRange($0) }
}

extension HTTPField.Name {
    fileprivate static let stripeSignature = constant("Stripe-Signature")
    fileprivate static let forwarded = constant("Forwarded")
}
