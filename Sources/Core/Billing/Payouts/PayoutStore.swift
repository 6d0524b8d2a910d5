import Foundation
import Identity
import Modules

/// The SQL of payouts. Callers check who may see a payout; services of other parts name it by an id of their own rows.
extension Transaction {
    /// - Returns: false where the subject has a live payout, which another transaction may have begun meanwhile.
    func insert(_ payout: Payout) throws -> Bool {
        try execute(
            """
            INSERT INTO payouts (
                id, purpose, subject, source_account, source_owner, payee, destination, currency, amount, commission,
                remainder, idempotency_key, metadata, state, reason, held_for, attempt, reversal_attempt, version,
                created_at
            )
            VALUES (
                \(payout.id), \(payout.purpose), \(payout.subject), \(payout.source.name), \(payout.source.owner),
                \(payout.payee), \(payout.destination), \(payout.amount.currency.code), \(payout.amount.minorUnits),
                \(payout.commission), \(payout.remainder), \(payout.key), \(try payout.metadataText), \(payout.state),
                \(payout.reason), \(payout.heldFor), \(payout.attempt), 0, 1, \(payout.createdAt)
            )
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    /// Writes what transitions change. The row has been locked by ``lockedPayout(_:)``; a changed version means that it
    /// was not.
    func update(_ payout: Payout) throws {
        let changes = try execute(
            """
            UPDATE payouts SET state = \(payout.state), reason = \(payout.reason), held_for = \(payout.heldFor),
                destination = \(payout.destination), attempt = \(payout.attempt),
                reversal_attempt = \(payout.reversalAttempt), transfer_id = \(payout.transfer),
                transferred_at = \(payout.transferredAt), paid_at = \(payout.paidAt),
                returned_at = \(payout.returnedAt), bank_payout_id = \(payout.bankPayout),
                ended_at = \(payout.endedAt), version = version + 1
            WHERE id = \(payout.id) AND version = \(payout.version)
            """
        )
        guard changes == 1 else { throw Problem(.conflict, detail: "The payout has changed meanwhile.") }
    }

    func payout(_ id: ID<Payout>) throws -> Payout? {
        try first("SELECT * FROM payouts WHERE id = \(id)", Payout.init)
    }

    func lockedPayout(_ id: ID<Payout>) throws -> Payout? {
        try first("SELECT * FROM payouts WHERE id = \(id) \(.forUpdate)", Payout.init)
    }

    /// The live payout of a subject, or the last one.
    func payout(of purpose: PayoutPurpose, _ subject: String) throws -> Payout? {
        try first(
            """
            SELECT * FROM payouts WHERE purpose = \(purpose) AND subject = \(subject)
            ORDER BY CASE WHEN state IN ('reversed', 'canceled') THEN 1 ELSE 0 END, created_at DESC, id DESC LIMIT 1
            """,
            Payout.init)
    }

    /// Locked until the transaction ends.
    func lockedLivePayout(of purpose: PayoutPurpose, _ subject: String) throws -> Payout? {
        try first(
            """
            SELECT * FROM payouts WHERE purpose = \(purpose) AND subject = \(subject)
                AND state NOT IN ('reversed', 'canceled') \(.forUpdate)
            """,
            Payout.init)
    }

    /// The number of attempts of all payouts of a subject.
    func payoutAttempts(of purpose: PayoutPurpose, _ subject: String) throws -> Int {
        Int(
            try count(
                """
                SELECT COALESCE(MAX(attempt), 0) AS count FROM payouts
                WHERE purpose = \(purpose) AND subject = \(subject)
                """))
    }

    func payout(ofTransfer id: String) throws -> Payout? {
        try first("SELECT * FROM payouts WHERE transfer_id = \(id)", Payout.init)
    }

    // MARK: Lists

    func payouts(_ filter: PayoutFilter, limit: Int, offset: Int) throws -> (rows: [Payout], total: Int64) {
        let condition = filter.condition
        let rows = try all(
            """
            SELECT * FROM payouts WHERE \(condition) ORDER BY created_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)
            """,
            Payout.init)
        return (rows, try count(of: "payouts", where: condition))
    }

    // MARK: Attempts

    func insert(_ attempt: PayoutAttempt) throws {
        try execute(
            """
            INSERT INTO payout_attempts (
                payout_id, kind, number, idempotency_key, request_hash, call_id, created_at
            )
            VALUES (
                \(attempt.payout), \(attempt.kind), \(attempt.number), \(attempt.key), \(attempt.requestHash),
                \(attempt.call), \(attempt.createdAt)
            )
            """
        )
    }

    /// - Returns: false where it has been settled before.
    func settle(_ call: ID<ProviderCall>, as outcome: PayoutAttempt.Outcome, detail: String) throws -> Bool {
        try execute(
            """
            UPDATE payout_attempts SET outcome = \(outcome), detail = \(detail), settled_at = \(now)
            WHERE call_id = \(call) AND outcome IS NULL
            """
        ) == 1
    }

    /// The number of a payout's transfers that the provider has refused.
    func countRefusedTransfers(of payout: ID<Payout>) throws -> Int64 {
        try count(
            """
            SELECT COUNT(*) AS count FROM payout_attempts
            WHERE payout_id = \(payout) AND kind = \(PayoutAttempt.Kind.transfer)
                AND outcome = \(PayoutAttempt.Outcome.refused)
            """)
    }

    /// Oldest first.
    func payoutAttempts(of payout: ID<Payout>) throws -> [PayoutAttempt] {
        try all(
            "SELECT * FROM payout_attempts WHERE payout_id = \(payout) ORDER BY created_at, kind DESC, number",
            PayoutAttempt.init)
    }

    /// Whether an attempt of a call has ended without a known outcome.
    func isProviderCallUnknown(_ id: ID<ProviderCall>) throws -> Bool {
        try count(
            "SELECT COUNT(*) AS count FROM provider_calls WHERE id = \(id) AND state IN ('unknown', 'stuck')") > 0
    }

    /// The call of the last attempt; nil before the first.
    func lastPayoutCall(of payout: ID<Payout>, _ kind: PayoutAttempt.Kind) throws -> ID<ProviderCall>? {
        try first(
            """
            SELECT call_id FROM payout_attempts WHERE payout_id = \(payout) AND kind = \(kind)
            ORDER BY number DESC LIMIT 1
            """
        ) { try $0["call_id"] }
    }

    /// Accounts of payees with money that is in no payout, in a stable order.
    func payableAccounts(after last: PayableAccount?, limit: Int) throws -> [PayableAccount] {
        let (owner, unit) = (last?.owner.text ?? "", last?.currency.code ?? "")
        return try all(
            """
            SELECT owner, unit FROM ledger_accounts
            WHERE name = \(MoneyAccount.Name.payable) AND balance > 0 AND unit <> 'credits'
                AND (owner > \(owner) OR owner = \(owner) AND unit > \(unit))
            ORDER BY owner, unit LIMIT \(limit)
            """
        ) { PayableAccount(owner: try $0["owner"], currency: try Currency(stored: try $0["unit"])) }
    }
}

extension Payout {
    fileprivate var metadataText: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(metadata), as: UTF8.self)
        }
    }
}
