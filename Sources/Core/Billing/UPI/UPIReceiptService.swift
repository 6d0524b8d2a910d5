import Audit
import Entitlements
import Identity
import Modules

/// Takes reports of money that has arrived by UPI: the whole amount of a code in time starts or extends its
/// subscription; any other money goes to a queue for administrators.
final class UPIReceiptService: Sendable {
    private let database: any Database
    private let payments: PaymentService
    private let prepaid: PrepaidPlanService
    private let money: MoneyLedgerService
    private let audit: AuditService
    private let runtime: Runtime

    static let purpose = PaymentPurpose("upi-plan")

    init(
        database: any Database, payments: PaymentService, prepaid: PrepaidPlanService, money: MoneyLedgerService,
        audit: AuditService, runtime: Runtime
    ) {
        self.database = database
        self.payments = payments
        self.prepaid = prepaid
        self.money = money
        self.audit = audit
        self.runtime = runtime
        // The subscription is changed by the report of the money, in the same transaction.
        payments.register(Self.purpose, to: .revenue) { _, _ in }
    }

    // MARK: Reports

    /// Takes the report of the payment service.
    /// - Returns: the receipt, also of a report that was taken before.
    /// - Throws: `bank-reference-used`.
    func receive(_ report: UPIReport) async throws(Problem) -> UPIReceipt {
        try await decide { [self] in try receive(report, from: .callback, by: nil, in: $0) }
    }

    /// Takes the report of an administrator who has found the money at the bank.
    /// - Throws: `not-found` for an unknown code; `bank-reference-used`.
    func receive(_ confirmation: UPIConfirmation, of id: String, scope: Scope) async throws(Problem) -> UPIReceiptView {
        let report = UPIReport(
            bankReference: try Self.bankReference(confirmation.bankReference, "/bank_reference"), reference: id,
            amount: Money(confirmation.amountMinor, .indianRupee))
        return try await decide { [self] transaction in
            try transaction.requireCaller(scope, as: .admin)
            guard try transaction.lockedUPIPayment(id) != nil else { throw Problem(.notFound) }
            return UPIReceiptView(try receive(report, from: .administrator, by: scope, in: transaction))
        }
    }

    /// Decides about money once more where another payment of the organisation, which has no subscription that could be
    /// locked, has begun one at the same time: what has arrived is never refused for it.
    private func decide<Decision: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Decision)
        async throws(Problem) -> Decision
    {
        do throws(Problem) { return try await database.write(body) } catch {
            guard error.kind == .alreadySubscribed else { throw error }
            return try await database.write(body)
        }
    }

    /// Notes that the payer has acted, or that the payment has failed. What is known of money is not changed by it.
    func note(_ progress: UPIProgress, of reference: String) async throws(Problem) {
        try await database.write { transaction in
            guard var payment = try transaction.lockedUPIPayment(reference) else { return }
            switch progress {
            case .processing: payment.process(at: transaction.now)
            case .failed: payment.fail(at: transaction.now)
            }
            try transaction.update(payment)
        }
    }

    private func receive(
        _ report: UPIReport, from source: UPIReceipt.Source, by scope: Scope?, in transaction: Transaction
    ) throws -> UPIReceipt {
        // The code is locked first, so that two reports of one code are taken one after the other.
        let payment = try transaction.lockedUPIPayment(report.reference)
        let now = transaction.now
        let reason = try reason(of: report, payment, in: transaction)
        let receipt = UPIReceipt(
            id: runtime.id(), report, organisation: payment?.organisation, from: source, queuedBecause: reason, at: now)
        guard try transaction.insert(receipt) else {
            guard let known = try transaction.upiReceipt(ofBankReference: report.bankReference),
                known.reference == report.reference, known.amount == report.amount
            else { throw Problem(.bankReferenceUsed) }
            return known
        }
        let event = reason == nil ? "upi-payment.received" : "upi-payment.queued"
        let details = [
            "amount": "\(report.amount)", "bank_reference": report.bankReference,
            "reason": reason?.rawValue ?? "", "source": source.rawValue,
        ].filter { !$0.value.isEmpty }
        try record(event, receipt, by: scope, details, in: transaction)
        if let payment, reason == nil {
            try complete(payment, with: receipt, from: .provider, in: transaction)
        } else {
            try money.post(
                "upi.unclaimed", of: .platform, in: report.amount.currency, operation: "upi:\(receipt.id)",
                subject: receipt.id.text, reason: reason?.rawValue ?? "",
                [MoneyMovement(report.amount.minorUnits, from: .provider, to: .unclaimed)], in: transaction)
        }
        return receipt
    }

    /// Why money goes to the queue; nil for the whole amount of a code in time.
    private func reason(of report: UPIReport, _ payment: UPIPayment?, in transaction: Transaction) throws
        -> UPIReceipt.Reason?
    {
        guard let payment else { return .unknownReference }
        guard report.amount.currency == payment.amount.currency else { return .otherCurrency }
        guard report.amount == payment.amount else { return .otherAmount }
        guard payment.paid == nil else { return .paidAlready }
        guard payment.isInTime(at: transaction.now) else { return .late }
        let isPayable = try prepaid.isPayable(
            payment.plan, payment.cycle, by: payment.organisation, in: transaction)
        return isPayable ? nil : .otherSubscription
    }

    /// Posts the money, starts or extends the subscription, and issues the invoice.
    /// - Parameter source: the account that the money is in.
    private func complete(
        _ payment: UPIPayment, with receipt: UPIReceipt, from source: MoneyAccount, in transaction: Transaction
    ) throws {
        let new = NewPayment(
            organisation: payment.organisation, person: payment.person, purpose: Self.purpose, subject: payment.id,
            amount: receipt.amount, description: payment.description)
        guard
            let posted = try payments.record(
                ReceivedPayment(
                    new, by: .upi, providerID: "upi:\(receipt.bankReference)", receivedAt: transaction.now,
                    source: source),
                in: transaction)
        else { throw Problem(.internalError, detail: "the bank's reference was posted before") }
        let plan = PrepaidPlan(
            organisation: payment.organisation, plan: payment.plan, cycle: payment.cycle,
            description: payment.description, price: payment.price, region: UPIPaymentService.region)
        let period = try prepaid.apply(plan, paidBy: posted, in: transaction)
        var completed = payment
        completed.complete(
            UPIPayment.Paid(
                payment: posted.id, bankReference: receipt.bankReference, period: period.range, at: period.paidAt))
        try transaction.update(completed)
        try notify(of: completed, receipt, in: transaction)
        try prepaid.issueInvoice(
            for: plan, period, paidBy: posted, by: "UPI, bank reference \(receipt.bankReference)", in: transaction)
    }

    private func notify(of payment: UPIPayment, _ receipt: UPIReceipt, in transaction: Transaction) throws {
        let values = [
            "amount": "\(receipt.amount)", "description": payment.description, "reference": payment.id,
            "bank_reference": receipt.bankReference,
        ]
        try prepaid.send("qr-payment-confirmed", to: payment.organisation, values, in: transaction)
    }

    // MARK: The queue

    func list(_ outcome: UPIReceipt.Outcome?, limit: Int, offset: Int) async throws(Problem) -> Page<UPIReceiptView> {
        try await database.read { transaction in
            let (rows, total) = try transaction.upiReceipts(outcome, limit: limit, offset: offset)
            return Page(
                data: rows.map { UPIReceiptView($0) }, total: total, limit: limit, offset: offset)
        }
    }

    /// Credits money of the queue to its code, or notes that it was returned.
    /// - Throws: `not-found`; `receipt-state` for money that is not in the queue, and for a credit to no code, or to
    ///   one that was paid; `already-subscribed`; `bank-reference-used`; `validation-failed`.
    func resolve(_ id: ID<UPIReceipt>, _ resolution: UPIResolution, scope: Scope) async throws(Problem)
        -> UPIReceiptView
    {
        let refund = try resolution.refundReference.map { text throws(Problem) in
            try Self.bankReference(text, "/refund_reference")
        }
        guard (resolution.action == .refund) == (refund != nil) else {
            throw Problem.invalid("/refund_reference", "is required for a refund, and for nothing else")
        }
        return try await database.write { [self] transaction in
            try transaction.requireCaller(scope, as: .admin)
            // The code is locked before the receipt, as where money arrives.
            guard let reference = try transaction.referenceOfUPIReceipt(id) else { throw Problem(.notFound) }
            let payment = try transaction.lockedUPIPayment(reference)
            guard var receipt = try transaction.lockedUPIReceipt(id) else { throw Problem(.notFound) }
            guard receipt.outcome == .unclaimed else { throw Problem(.receiptState) }
            if let refund, try !transaction.useBankReference(refund, for: id.text) {
                throw Problem(.bankReferenceUsed)
            }
            receipt.resolve(
                as: resolution.action == .credit ? .credited : .refunded, by: scope.person, refundReference: refund,
                note: resolution.note, at: transaction.now)
            guard try transaction.updateResolved(receipt) else { throw Problem(.receiptState) }
            let details = ["amount": "\(receipt.amount)", "bank_reference": receipt.bankReference]
            switch resolution.action {
            case .credit:
                try record("upi-payment.credited", receipt, by: scope, details, in: transaction)
                try credit(receipt, to: payment, in: transaction)
            case .refund:
                try record("upi-payment.refunded", receipt, by: scope, details, in: transaction)
                try post(refundOf: receipt, in: transaction)
            }
            return UPIReceiptView(receipt)
        }
    }

    private func credit(_ receipt: UPIReceipt, to payment: UPIPayment?, in transaction: Transaction) throws {
        guard let payment, payment.paid == nil, receipt.amount.currency == payment.amount.currency,
            try transaction.hasPayer(payment.organisation)
        else {
            throw Problem(.receiptState, detail: "There is no code that this money can pay: return it.")
        }
        try complete(payment, with: receipt, from: .unclaimed, in: transaction)
    }

    private func post(refundOf receipt: UPIReceipt, in transaction: Transaction) throws {
        let payer = receipt.organisation.flatMap { ID<Organisation>($0) }
        let account = MoneyAccount(.refunded, of: payer.map { .organisation($0) } ?? .platform)
        try money.post(
            "upi.refunded", of: .platform, in: receipt.amount.currency, operation: "upi-refund:\(receipt.id)",
            subject: receipt.id.text, reason: receipt.refundReference ?? "",
            [MoneyMovement(receipt.amount.minorUnits, from: .unclaimed, to: account)], in: transaction)
    }

    private func record(
        _ action: String, _ receipt: UPIReceipt, by scope: Scope?, _ details: [String: String],
        in transaction: Transaction
    ) throws {
        let organisation = receipt.organisation.flatMap { ID<Organisation>($0) }
        let event =
            if let scope {
                AuditEvent(action, by: scope, in: organisation, subject: receipt.reference, details: details)
            } else {
                AuditEvent(
                    action, organisation: organisation?.text, subject: receipt.reference, details: details)
            }
        try audit.record(event, in: transaction)
    }

    private static func bankReference(_ text: String, _ pointer: String) throws(Problem) -> String {
        guard let reference = UPIReport.bankReference(text) else {
            throw Problem.invalid(pointer, "must have 4 to 64 letters, digits and hyphens")
        }
        return reference
    }
}

extension Problem.Kind {
    static let bankReferenceUsed = Self(
        "bank-reference-used", "The bank's reference was used for other money", status: 409)
    static let receiptState = Self(
        "receipt-state", "The money cannot be credited or returned any more", status: 409)
}
