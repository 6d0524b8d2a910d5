import Base

/// A line of an invoice before discounts and taxes.
struct TestStripeInvoiceLine {
    let amount: Int64
    let description: String
    let price: Members
    let quantity: Int64
    let item: String
    let isProration: Bool
    let start: Instant
    let end: Instant
}

/// A change of a subscription that waits for the payment of its invoice.
struct TestStripePendingUpdate {
    let invoice: String
    let items: [Members]
    let anchor: Instant?
}
