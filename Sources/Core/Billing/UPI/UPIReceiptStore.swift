import Identity
import Modules

/// The SQL of money that arrived by UPI.
extension Transaction {
    /// - Returns: false where the bank's reference was used before, also of money that was returned.
    func insert(_ receipt: UPIReceipt) throws -> Bool {
        try execute(
            """
            INSERT INTO upi_receipts (
                id, bank_reference, reference, organisation_id, currency, amount, source, outcome, reason, received_at
            )
            SELECT
                \(receipt.id), \(receipt.bankReference), \(receipt.reference), \(receipt.organisation),
                \(receipt.amount.currency.code), \(receipt.amount.minorUnits), \(receipt.source), \(receipt.outcome),
                \(receipt.reason), \(receipt.receivedAt)
            WHERE NOT EXISTS (
                SELECT 1 FROM bank_refund_references WHERE reference = \(receipt.bankReference))
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    func upiReceipt(ofBankReference reference: String) throws -> UPIReceipt? {
        try first("SELECT * FROM upi_receipts WHERE bank_reference = \(reference)", UPIReceipt.init(row:))
    }

    /// The row is locked until the transaction ends.
    func lockedUPIReceipt(_ id: ID<UPIReceipt>) throws -> UPIReceipt? {
        try first("SELECT * FROM upi_receipts WHERE id = \(id) \(.forUpdate)", UPIReceipt.init(row:))
    }

    func referenceOfUPIReceipt(_ id: ID<UPIReceipt>) throws -> String? {
        try first("SELECT reference FROM upi_receipts WHERE id = \(id)") { try $0["reference"] }
    }

    /// One guarded statement: of two administrators who resolve the same money, one does.
    func updateResolved(_ receipt: UPIReceipt) throws -> Bool {
        try execute(
            """
            UPDATE upi_receipts
            SET outcome = \(receipt.outcome), resolved_at = \(receipt.resolvedAt), resolved_by = \(receipt.resolvedBy),
                refund_reference = \(receipt.refundReference), note = \(receipt.note)
            WHERE id = \(receipt.id) AND outcome = 'unclaimed'
            """
        ) == 1
    }

    /// Oldest first, with the total number.
    func upiReceipts(_ outcome: UPIReceipt.Outcome?, limit: Int, offset: Int) throws -> (
        rows: [UPIReceipt], total: Int64
    ) {
        let condition: SQL = outcome.map { "outcome = \($0)" } ?? .always
        return (
            try all(
                """
                SELECT * FROM upi_receipts WHERE \(condition)
                ORDER BY received_at, id LIMIT \(limit) OFFSET \(offset)
                """,
                UPIReceipt.init(row:)),
            try count(of: "upi_receipts", where: condition)
        )
    }
}
