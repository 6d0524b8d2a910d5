import Identity
import Modules

/// Money of organisations that is on its way: an organisation that has any is not erased.
struct OpenMoney: Sendable {
    let currency: Currency
    /// Held for work that is not released, also what a bank has withdrawn for an open dispute.
    var held: Int64 = 0
    /// Payouts and refunds whose outcome is not known yet.
    var pending: Int64 = 0

    private var view: JSONValue {
        [
            "currency": .string(currency.code), "held_minor": .integer(held), "pending_minor": .integer(pending),
        ]
    }

    /// - Returns: nil where nothing is on its way.
    static func obligation(of organisations: [ID<Organisation>], in transaction: Transaction) throws -> Obligation? {
        let open = try transaction.openMoney(of: organisations)
        let isPaying = try transaction.hasPaymentUnderWay(of: organisations)
        guard !open.isEmpty || isPaying else { return nil }
        return Obligation(
            """
            Money of yours is held or on its way. Release or cancel what you have paid for, and wait for payouts and \
            refunds to arrive.
            """,
            members: ["open_money": .array(open.map(\.view))])
    }
}

extension Transaction {
    /// In the order of the currencies.
    func openMoney(of organisations: [ID<Organisation>]) throws -> [OpenMoney] {
        let rows = try all(
            """
            SELECT unit, name, CAST(SUM(balance) AS \(.integer)) AS balance FROM ledger_accounts
            WHERE owner IN \(list: organisations) AND unit <> 'credits' AND balance <> 0
                AND name IN ('held', 'disputed', 'payout_pending', 'refund_pending')
            GROUP BY unit, name ORDER BY unit, name
            """
        ) { row in
            (
                currency: try Currency(stored: row["unit"]), name: try row["name"] as MoneyAccount.Name,
                balance: try row["balance"] as Int64
            )
        }
        var open: [OpenMoney] = []
        for row in rows {
            if open.last?.currency != row.currency { open.append(OpenMoney(currency: row.currency)) }
            switch row.name {
            case .held, .disputed: open[open.count - 1].held += row.balance
            default: open[open.count - 1].pending += row.balance
            }
        }
        return open
    }

    /// Whether a payment may succeed without anybody's doing, or a payout is being taken back.
    func hasPaymentUnderWay(of organisations: [ID<Organisation>]) throws -> Bool {
        try first(
            """
            SELECT id FROM payments
            WHERE organisation_id IN \(list: organisations) AND state IN ('unknown', 'processing', 'requires_capture')
            UNION ALL
            SELECT id FROM payouts WHERE payee IN \(list: organisations) AND state = 'reversing' LIMIT 1
            """
        ) != nil
    }

    /// Whether money of an organisation was ever moved.
    func hasMoney(_ organisation: ID<Organisation>) throws -> Bool {
        try first(
            """
            SELECT id FROM payments WHERE organisation_id = \(organisation)
            UNION ALL SELECT id FROM ledger_accounts WHERE owner = \(organisation) AND unit <> 'credits' LIMIT 1
            """
        ) != nil
    }
}
