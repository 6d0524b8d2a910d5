import Modules

/// The body of `POST /v1/payments/create-customer`. Address and name are the account's, whatever a client sends.
struct CustomerOrder: OptionalBody {
    var email: String?
    var name: String?

    static let rules: [String: Rule] = ["email": .length(0...320), "name": .length(0...200)]
}

struct CustomerView: Payload {
    /// The customer at the provider.
    var customerId: String
    var createdAt: Instant

    init(_ customer: BillingCustomer) {
        customerId = customer.providerID
        createdAt = customer.createdAt
    }
}
