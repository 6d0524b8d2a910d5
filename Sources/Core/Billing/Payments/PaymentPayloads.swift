package import Entitlements
package import Modules

/// The body of `POST /v1/payments/create-intent`: what is to be paid. The amount is computed here; one that the client
/// sends is only compared with it.
package struct PaymentRequest: PlanSelection, CountrySelection {
    /// An event of Marketplace.
    package var eventId: String?
    /// A plan of the catalogue, of which one period is paid in advance.
    package var plan: String?
    /// The same as `plan`.
    package var tier: String?
    /// The same as `plan`.
    package var planType: String?
    /// The same as `plan`.
    package var subscriptionTier: String?
    package var cycle: Cycle?
    /// The same as `cycle`; `annual` is yearly.
    package var billingCycle: BillingCycle?
    /// The same as the cycle `yearly`, or with false `monthly`.
    package var annual: Bool?
    /// An ISO 3166 code: the price of that country.
    package var country: String?
    /// The same as `country`.
    package var region: String?
    /// In major units.
    package var amount: DecimalNumber?
    /// In minor units.
    package var amountMinor: Int64?
    /// An ISO 4217 code.
    package var currency: String?
    package var description: String?

    package static let rules = planRules.merging(countryRules) { first, _ in first }.merging([
        "event_id": .length(1...64), "subscription_tier": .length(1...64), "currency": .length(3...3),
        "description": .length(0...500),
    ]) { first, _ in first }

    var namesPlan: Bool { plan != nil || tier != nil || planType != nil || subscriptionTier != nil }

    /// - Throws: `amount-mismatch` where the client expects another amount; `validation-failed` for an amount that the
    ///   currency does not have.
    func requireAmount(_ due: Money) throws(Problem) {
        if let currency, Currency(currency) != due.currency { throw Self.mismatch(due) }
        if let amount {
            guard let expected = Money(major: amount, due.currency) else {
                throw Problem.invalid("/amount", "has more decimals than \(due.currency.code.uppercased()) has")
            }
            guard expected == due else { throw Self.mismatch(due) }
        }
        if let amountMinor, amountMinor != due.minorUnits { throw Self.mismatch(due) }
    }

    private static func mismatch(_ due: Money) -> Problem {
        Problem(
            .amountMismatch, detail: "\(due) are to be paid.",
            members: [
                "amount": .decimal(due.major.description), "amount_minor": .integer(due.minorUnits),
                "currency": .string(due.currency.code),
            ])
    }
}

/// What a client needs to pay.
package struct StartedPayment: Payload {
    package var paymentId: ID<Payment>
    /// The payment intent at the provider.
    package var paymentIntentId: String
    /// With which the client confirms it at the provider.
    package var clientSecret: String
    /// The key of the provider for clients; absent where the installation has none.
    package var publishableKey: String?
    package var status: PaymentView.Status
    /// In major units.
    package var amount: DecimalNumber
    package var amountMinor: Int64
    package var currency: String

    package init(_ payment: Payment, clientSecret: String, publishableKey: String?) {
        paymentId = payment.id
        paymentIntentId = payment.intentID ?? ""
        self.clientSecret = clientSecret
        self.publishableKey = publishableKey
        status = PaymentView.Status(payment)
        amount = payment.amount.major
        amountMinor = payment.amount.minorUnits
        currency = payment.amount.currency.code
    }
}

/// A payment, as its payer and administrators see it.
package struct PaymentView: Payload {
    /// A summary of ``Payment/State``, as the clients of the systems know it.
    package enum Status: String, Codable, CaseIterable, Sendable {
        case pending, completed, failed, refunded

        package init(_ payment: Payment) {
            switch payment.state {
            case .succeeded: self = payment.refundedMinor >= payment.receivedMinor ? .refunded : .completed
            case .canceled: self = .failed
            case .requiresPaymentMethod where payment.failureCode != nil: self = .failed
            case .unknown, .requiresPaymentMethod, .requiresConfirmation, .requiresAction, .processing,
                .requiresCapture:
                self = .pending
            }
        }
    }

    package var id: ID<Payment>
    /// What it is for, such as `event` or `plan`.
    package var purpose: String
    /// The id of what is paid.
    package var subject: String
    package var description: String
    package var method: Payment.Method
    package var status: Status
    package var state: Payment.State
    /// The id at the provider.
    package var paymentIntentId: String?
    /// In major units.
    package var amount: DecimalNumber
    package var amountMinor: Int64
    package var refundedAmount: DecimalNumber
    package var refundedAmountMinor: Int64
    package var currency: String
    package var failureCode: String?
    package var failureMessage: String?
    package var createdAt: Instant
    package var paidAt: Instant?

    package init(_ payment: Payment) {
        let currency = payment.amount.currency
        id = payment.id
        purpose = payment.purpose.name
        subject = payment.subject
        description = payment.description
        method = payment.method
        status = Status(payment)
        state = payment.state
        paymentIntentId = payment.intentID
        amount = payment.amount.major
        amountMinor = payment.amount.minorUnits
        refundedAmount = Money(payment.refundedMinor, currency).major
        refundedAmountMinor = payment.refundedMinor
        self.currency = currency.code
        failureCode = payment.failureCode
        failureMessage = payment.failureMessage
        createdAt = payment.createdAt
        paidAt = payment.succeededAt
    }
}
