package import Modules

/// The body of `POST /v1/payments/create-intent`: what is to be paid. The amount is computed here; one that the client
/// sends is only compared with it.
package struct PaymentRequest: Payload {
    /// An event of Marketplace.
    package var eventId: String?
    /// A plan of the catalogue.
    package var plan: String?
    /// The same as `plan`.
    package var tier: String?
}
