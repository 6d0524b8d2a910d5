import Audit
import Identity
import Modules
import Stripe

/// Compares the provider's balance transactions with the ledger. Every difference opens a case.
final class ReconciliationService: Sendable {
    /// How long a balance transaction is left alone: the outcome of its call may not have been settled here.
    static let settleDelay = Duration.hours(1)
    /// Pages of 100 balance transactions in one run. The next run continues.
    private static let pagesMax = 1_000
    /// Rows of the ledger without a balance transaction that one run lists.
    private static let missingMax = 1_000
    static let retention = Duration.days(400)

    private let database: any Database
    private let calls: ProviderCallService
    private let money: MoneyLedgerService
    private let audit: AuditService
    private let logger: Logger
    private let runtime: Runtime

    init(
        database: any Database, calls: ProviderCallService, money: MoneyLedgerService, audit: AuditService,
        logger: Logger, runtime: Runtime
    ) {
        self.database = database
        self.calls = calls
        self.money = money
        self.audit = audit
        self.logger = logger
        self.runtime = runtime
    }

    // MARK: Comparison

    /// Compares the balance transactions since the last comparison. A repeat compares nothing twice.
    /// - Throws: `provider-unavailable`, after which the next run starts where the last one succeeded.
    func compare() async throws(Problem) {
        guard let client = calls.client, let window = try await window() else { return }
        var after: String?
        for _ in 0..<Self.pagesMax {
            var request = StripeRequest.balanceTransactions(
                created: StripeTimeRange(from: window.lowerBound, before: window.upperBound),
                page: StripePage(startingAfter: after))
            request.form.set("expand", ["data.source"])
            guard case .done(let value) = await client.send(request, key: nil) else {
                throw Problem(.providerUnavailable)
            }
            let page = try Problem.rethrowing { try StripeList<StripeBalanceTransaction>(value) }
            let entries = zip(page.elements, value["data"]?.array ?? []).map { BalanceEntry($0, $1) }
            try await database.write { [self] transaction in
                for entry in entries where try transaction.insert(entry) { try compare(entry, in: transaction) }
            }
            guard page.hasMore, let last = entries.last else {
                return try await finish(window)
            }
            after = last.id
        }
        logger.error("The comparison with the provider's balance did not reach its end.")
        throw Problem(.overloaded, detail: "There are more balance transactions than one comparison reads.")
    }

    /// The time whose balance transactions are compared next; nil where there is none. It overlaps the last one by an
    /// hour, because the provider's list may lag.
    private func window() async throws(Problem) -> Range<Instant>? {
        try await database.read { transaction in
            let end = transaction.now - Self.settleDelay
            let start = try transaction.balanceComparedUntil().map { $0 - .hours(1) } ?? transaction.firstMoneyAt()
            guard let start else { return nil }
            // Stripe's times are whole seconds.
            let first = Instant(seconds: start.seconds - 1)
            return first < end ? first..<Instant(seconds: end.seconds) : nil
        }
    }

    /// Lists what the ledger has and the provider has not, and moves the end of the comparison.
    private func finish(_ window: Range<Instant>) async throws(Problem) {
        try await database.write { [self] transaction in
            let missing = try transaction.movementsWithoutBalanceEntry(
                from: window.lowerBound, before: window.upperBound, limit: Self.missingMax)
            for entry in missing {
                try open(
                    .missing, of: entry.id, currency: entry.money.currency, expected: entry.money.minorUnits,
                    "The provider's balance has no \(entry.kind) of \(entry.source).", in: transaction)
            }
            try transaction.setBalanceCompared(until: window.upperBound)
        }
    }

    private func compare(_ entry: BalanceEntry, in transaction: Transaction) throws {
        try postFee(of: entry, in: transaction)
        switch StripeBalanceTransaction.Kind(rawValue: entry.kind) {
        case .transfer:
            // A transfer whose outcome is not known here yet is named by its group.
            let payout =
                try entry.source.flatMap { try transaction.payout(ofTransfer: $0) }
                ?? entry.transferGroup.flatMap { ID<Payout>($0) }.flatMap { try transaction.openPayout($0) }
            try expect(payout.map { Money(-$0.net, $0.amount.currency) }, of: entry, "payout", in: transaction)
        case .transferRefund, .transferCancel:
            let payout =
                try entry.source.flatMap { try transaction.payout(ofReversal: $0) }
                ?? entry.reversedTransfer.flatMap { try transaction.payout(ofTransfer: $0) }
                .flatMap { $0.state == .reversing ? $0 : nil }
            try expect(payout.map { Money($0.net, $0.amount.currency) }, of: entry, "reversed payout", in: transaction)
        case .adjustment:
            let dispute = try entry.source.flatMap { try transaction.dispute(ofProviderID: $0) }
            // The withdrawal, and its return where the dispute was won.
            let sign: Int64 = entry.money.minorUnits < 0 ? -1 : 1
            try expect(
                dispute.map { Money(sign * $0.amount.minorUnits, $0.amount.currency) }, of: entry, "dispute",
                in: transaction)
        case .charge, .payment:
            let payment = try entry.source.flatMap { try transaction.succeededPayment(ofCharge: $0) }
            try expect(payment, of: entry, "payment", in: transaction)
        case .refund, .paymentRefund:
            let refund = try entry.source.flatMap { try transaction.refundedMoney(ofProviderID: $0) }
            try expect(refund.map { Money(-$0.minorUnits, $0.currency) }, of: entry, "refund", in: transaction)
        case .refundFailure, .paymentFailureRefund:
            let refund = try entry.source.flatMap { try transaction.refundedMoney(ofProviderID: $0) }
            try expect(refund, of: entry, "refund", in: transaction)
        // The platform's own payouts to its bank, and fees of the provider, which are posted above.
        case .payout, .payoutFailure, .payoutCancel, .stripeFee: break
        // Money that the platform adds from its bank.
        case nil where entry.kind.hasPrefix("topup"): break
        case .transferFailure, nil:
            try open(
                .unknownKind, of: entry.id, currency: entry.money.currency, found: entry.money.minorUnits,
                "A balance transaction of the type \(entry.kind) is not expected.", in: transaction)
        }
    }

    /// Compares what the ledger has with a balance transaction.
    /// - Parameters:
    ///   - expected: as the ledger has it; nil for an unknown source.
    ///   - name: of the row here, in a sentence.
    private func expect(_ expected: Money?, of entry: BalanceEntry, _ name: String, in transaction: Transaction) throws
    {
        guard let expected else {
            try open(
                .unknownSource, of: entry.id, currency: entry.money.currency, found: entry.money.minorUnits,
                "There is no \(name) for \(entry.source ?? "a transaction without a source").", in: transaction)
            return
        }
        // Where the provider has converted the money, its amount is that of the balance's currency.
        guard expected.currency == entry.money.currency, expected != entry.money else { return }
        try open(
            .amount, of: entry.id, currency: entry.money.currency, expected: expected.minorUnits,
            found: entry.money.minorUnits, "The \(name) of \(entry.source ?? "") has another amount.", in: transaction)
    }

    private func postFee(of entry: BalanceEntry, in transaction: Transaction) throws {
        // A fee of its own is the amount of its transaction.
        let fee =
            StripeBalanceTransaction.Kind(rawValue: entry.kind) == .stripeFee ? -entry.money.minorUnits : entry.fee
        guard fee != 0 else { return }
        try money.post(
            "provider.fee", of: .platform, in: entry.money.currency, operation: "fee:\(entry.id)", subject: entry.id,
            [
                fee > 0
                    ? MoneyMovement(fee, from: .revenue, to: .fees) : MoneyMovement(-fee, from: .fees, to: .revenue)
            ], in: transaction)
    }

    private func open(
        _ kind: ReconciliationCase.Kind, of reference: String, currency: Currency?, expected: Int64? = nil,
        found: Int64? = nil, _ detail: String, in transaction: Transaction
    ) throws {
        let opened = ReconciliationCase(
            id: runtime.id(), kind, of: reference, currency: currency?.code, expected: expected, found: found, detail,
            at: transaction.now)
        guard try transaction.insert(opened) else { return }
        try audit.record(
            AuditEvent(
                "reconciliation-case.opened", subject: opened.id.text,
                details: ["kind": kind.rawValue, "reference": reference, "detail": detail]), in: transaction)
        logger.warning(
            "The provider's balance differs from the ledger.",
            metadata: ["reconciliation_case": "\(opened.id)", "kind": "\(kind.rawValue)", "reference": "\(reference)"])
    }

    /// Deletes compared balance transactions and resolved cases after ``retention``.
    func prune() async throws(Problem) {
        let count = 500
        while try await database.write({
            try $0.pruneReconciliation(before: $0.now - Self.retention, atMost: count)
        }) >= count {}
    }

    // MARK: Cases

    func list(in state: ReconciliationCase.State?, limit: Int, offset: Int) async throws(Problem)
        -> Page<ReconciliationCaseView>
    {
        try await database.read { transaction in
            let (rows, total) = try transaction.reconciliationCases(in: state, limit: limit, offset: offset)
            return Page(
                data: rows.map(ReconciliationCaseView.init), total: total, limit: limit, offset: offset)
        }
    }

    /// - Throws: `not-found`; `case-resolved` for a case that is not open.
    func resolve(_ id: ID<ReconciliationCase>, note: String, scope: Scope) async throws(Problem)
        -> ReconciliationCaseView
    {
        try await database.write { [audit] transaction in
            try transaction.requireCaller(scope, as: .admin)
            guard try transaction.reconciliationCase(id) != nil else { throw Problem(.notFound) }
            guard try transaction.resolve(id, note: note, by: scope.person),
                let resolved = try transaction.reconciliationCase(id)
            else { throw Problem(.caseResolved) }
            try audit.record(
                AuditEvent("reconciliation-case.resolved", by: scope, subject: id.text, details: ["note": note]),
                in: transaction)
            return ReconciliationCaseView(resolved)
        }
    }
}

extension Problem.Kind {
    static let caseResolved = Self("case-resolved", "The case has been resolved", status: 409)
}
