import Entitlements
import Identity
import Modules

/// The body of `POST /v1/payments/qr-code`: the plan to pay for. The amount is computed here; one that the client sends
/// is only compared with it.
struct UPIRequest: PlanSelection {
    var plan: String?
    /// The same as `plan`.
    var tier: String?
    /// The same as `plan`.
    var planType: String?
    /// The same as `plan`.
    var subscriptionTier: String?
    var cycle: Cycle?
    /// The same as `cycle`; `annual` is yearly.
    var billingCycle: BillingCycle?
    /// The same as the cycle `yearly`, or with false `monthly`.
    var annual: Bool?
    /// In major units.
    var amount: DecimalNumber?
    /// In minor units.
    var amountMinor: Int64?
    /// `INR`.
    var currency: String?
    /// Not used: the catalogue describes what is paid.
    var description: String?
    /// The app that `app_link` is for: `phonepe`, `google_pay`, `paytm` or `bhim`; every app without it.
    var upiProvider: String?

    static let rules = planRules.merging([
        "subscription_tier": .length(1...64), "currency": .length(3...3), "description": .length(0...500),
        "upi_provider": .length(1...32),
    ]) { first, _ in first }

    /// - Throws: as ``PaymentRequest/requireAmount(_:)``.
    func requireAmount(_ due: Money) throws(Problem) {
        var request = PaymentRequest()
        (request.amount, request.amountMinor, request.currency) = (amount, amountMinor, currency)
        try request.requireAmount(due)
    }
}

/// A QR code to pay.
struct UPICodeView: Payload {
    var paymentId: String
    /// A PNG image as a data URL.
    var qrCode: String
    /// What the code contains; every app opens it.
    var upiString: String
    /// The link of each app, by its name.
    var appLinks: [String: String]
    /// The link of the requested app, else that of every app.
    var appLink: String
    /// In major units.
    var amount: DecimalNumber
    var amountMinor: Int64
    var currency: String
    var status: UPIPayment.Status
    var expiresAt: Instant
    var merchantName: String
    var merchantVpa: String

    init(
        _ payment: UPIPayment, link: UPILink, image: String, settings: UPISettings, app: String?, at now: Instant
    ) {
        paymentId = payment.id
        qrCode = image
        upiString = link.text
        appLinks = Dictionary(uniqueKeysWithValues: UPIApp.allCases.map { ($0.rawValue, link.text(for: $0)) })
        appLink = app.flatMap(UPIApp.init).map { link.text(for: $0) } ?? link.text
        amount = payment.amount.major
        amountMinor = payment.amount.minorUnits
        currency = "INR"
        status = payment.status(at: now)
        expiresAt = payment.expiresAt
        merchantName = settings.merchantName
        merchantVpa = settings.address
    }
}

struct UPIStatusView: Payload {
    var paymentId: String
    var status: UPIPayment.Status
    var expiresAt: Instant
    var paidAt: Instant?

    init(_ payment: UPIPayment, at now: Instant) {
        paymentId = payment.id
        status = payment.status(at: now)
        expiresAt = payment.expiresAt
        paidAt = payment.paid?.at
    }
}

struct UPITransactionView: Payload {
    var paymentId: String
    /// The payer; a pseudonym after its erasure.
    var organisationId: String
    var userId: String?
    var plan: String
    var cycle: Cycle
    var description: String
    /// In major units.
    var amount: DecimalNumber
    var amountMinor: Int64
    var currency: String
    var status: UPIPayment.Status
    var bankReference: String?
    /// What was paid for.
    var periodStart: Instant?
    var periodEnd: Instant?
    var createdAt: Instant
    var expiresAt: Instant
    var paidAt: Instant?

    init(_ payment: UPIPayment, at now: Instant) {
        paymentId = payment.id
        organisationId = payment.organisation.text
        userId = payment.person?.text
        plan = payment.plan.text
        cycle = payment.cycle
        description = payment.description
        amount = payment.amount.major
        amountMinor = payment.amount.minorUnits
        currency = "INR"
        status = payment.status(at: now)
        bankReference = payment.paid?.bankReference
        periodStart = payment.paid?.period.lowerBound
        periodEnd = payment.paid?.period.upperBound
        createdAt = payment.createdAt
        expiresAt = payment.expiresAt
        paidAt = payment.paid?.at
    }
}

/// Money that an administrator has found at the bank.
struct UPIConfirmation: Payload {
    /// Used once.
    var bankReference: String
    /// In paise.
    var amountMinor: Int64

    static let rules: [String: Rule] = [
        "bank_reference": .length(4...64), "amount_minor": .range(1...1_000_000_000_000),
    ]
}

struct UPIReceiptView: Payload {
    var id: ID<UPIReceipt>
    var bankReference: String
    var reference: String
    var organisationId: String?
    /// In major units.
    var amount: DecimalNumber
    var amountMinor: Int64
    var currency: String
    var source: UPIReceipt.Source
    var outcome: UPIReceipt.Outcome
    /// Why it came into the queue.
    var reason: UPIReceipt.Reason?
    var receivedAt: Instant
    var resolvedAt: Instant?
    var refundReference: String?
    var note: String?

    init(_ receipt: UPIReceipt) {
        id = receipt.id
        bankReference = receipt.bankReference
        reference = receipt.reference
        organisationId = receipt.organisation
        amount = receipt.amount.major
        amountMinor = receipt.amount.minorUnits
        currency = receipt.amount.currency.code.uppercased()
        source = receipt.source
        outcome = receipt.outcome
        reason = receipt.reason
        receivedAt = receipt.receivedAt
        resolvedAt = receipt.resolvedAt
        refundReference = receipt.refundReference
        note = receipt.note
    }
}

/// What becomes of money in the queue.
struct UPIResolution: Payload {
    enum Action: String, Codable, CaseIterable, Sendable {
        /// It pays the code that it names.
        case credit
        /// It was returned by the bank.
        case refund
    }

    var action: Action
    /// The bank's reference of a refund.
    var refundReference: String?
    var note: String?

    static let rules: [String: Rule] = ["refund_reference": .length(4...64), "note": .length(0...500)]
}

struct UPICallbackReceipt: Payload {
    var received: Bool
    /// What became of the money; absent where none was reported.
    var outcome: UPIReceipt.Outcome?
}
