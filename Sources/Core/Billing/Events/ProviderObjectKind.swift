import Modules

/// A kind of object of the provider: how it is named, and how it is fetched.
package struct ProviderObjectKind: Sendable, Hashable {
    /// The object's `object` member, such as `payment_intent`.
    package let name: String
    /// The folder of its path: `/v1/payment_intents`.
    package let folder: String
    /// What its ids begin with; empty where that is not known.
    package let idPrefix: String

    package init(_ name: String, in folder: String, idPrefix: String = "") {
        self.name = name
        self.folder = folder
        self.idPrefix = idPrefix
    }

    /// Where an object is.
    /// - Returns: nil for an id of another form.
    package func path(of id: String) -> String? { ProviderObjectID.isValid(id) ? "\(folder)/\(id)" : nil }

    /// Where the object with an id is, by what its id begins with.
    /// - Returns: nil for an id of no known kind.
    package static func path(of id: String) -> String? {
        all.first { id.hasPrefix($0.idPrefix) }?.path(of: id)
    }

    package static let paymentIntent = Self("payment_intent", in: "/v1/payment_intents", idPrefix: "pi_")
    package static let charge = Self("charge", in: "/v1/charges", idPrefix: "ch_")
    package static let refund = Self("refund", in: "/v1/refunds", idPrefix: "re_")
    package static let customer = Self("customer", in: "/v1/customers", idPrefix: "cus_")
    package static let subscription = Self("subscription", in: "/v1/subscriptions", idPrefix: "sub_")
    package static let invoice = Self("invoice", in: "/v1/invoices", idPrefix: "in_")
    package static let checkoutSession = Self("checkout.session", in: "/v1/checkout/sessions", idPrefix: "cs_")
    package static let setupIntent = Self("setup_intent", in: "/v1/setup_intents", idPrefix: "seti_")
    package static let paymentMethod = Self("payment_method", in: "/v1/payment_methods", idPrefix: "pm_")
    package static let account = Self("account", in: "/v1/accounts", idPrefix: "acct_")
    package static let transfer = Self("transfer", in: "/v1/transfers", idPrefix: "tr_")
    package static let payout = Self("payout", in: "/v1/payouts", idPrefix: "po_")
    package static let dispute = Self("dispute", in: "/v1/disputes", idPrefix: "dp_")
    package static let price = Self("price", in: "/v1/prices", idPrefix: "price_")
    package static let product = Self("product", in: "/v1/products", idPrefix: "prod_")

    private static let all = [
        paymentIntent, charge, refund, customer, subscription, invoice, checkoutSession, setupIntent, paymentMethod,
        account, transfer, payout, dispute, price, product,
    ]
}
