import Identity
import Ledger
import Modules

/// Reads balances, lots and entries of credits.
final class CreditStatementService: Sendable {
    /// The most lots of a statement; lots with available or reserved credits come first.
    private static let lotsMax = 200

    private let database: any Database
    private let ledger: LedgerService

    init(database: any Database, ledger: LedgerService) {
        self.database = database
        self.ledger = ledger
    }

    func statement(of organisation: ID<Organisation>) async throws(Problem) -> CreditStatement {
        try await database.read { [self] in try statement(of: organisation, in: $0) }
    }

    /// - Throws: `not-found` for an unknown account.
    func statement(of person: ID<Person>) async throws(Problem) -> CreditStatement {
        try await database.read { [self] in
            try statement(of: $0.requirePersonalOrganisation(of: person), in: $0)
        }
    }

    /// - Parameter moment: nil for now.
    func balance(of organisation: ID<Organisation>, at moment: Instant?) async throws(Problem) -> CreditPosition {
        try await database.read { [ledger] transaction in
            let moment = moment ?? transaction.now
            let accounts = try ledger.balances(of: organisation.text, in: .credits, at: moment, transaction)
            return CreditPosition(
                accounts, at: moment, overdue: try transaction.overdueCredits(of: organisation, at: moment))
        }
    }

    func entries(of organisation: ID<Organisation>, until moment: Instant?, limit: Int, offset: Int)
        async throws(Problem) -> Page<CreditEntry>
    {
        try await database.read { [self] in
            try entries(of: organisation, until: moment, limit: limit, offset: offset, in: $0)
        }
    }

    /// - Throws: `not-found` for an unknown account.
    func entries(of person: ID<Person>, until moment: Instant?, limit: Int, offset: Int) async throws(Problem)
        -> Page<CreditEntry>
    {
        try await database.read { [self] in
            let organisation = try $0.requirePersonalOrganisation(of: person)
            return try entries(of: organisation, until: moment, limit: limit, offset: offset, in: $0)
        }
    }

    private func statement(of organisation: ID<Organisation>, in transaction: Transaction) throws -> CreditStatement {
        CreditStatement(
            try transaction.creditBalance(of: organisation),
            try transaction.lots(of: organisation, limit: Self.lotsMax), at: transaction.now)
    }

    private func entries(
        of organisation: ID<Organisation>, until moment: Instant?, limit: Int, offset: Int, in transaction: Transaction
    ) throws -> Page<CreditEntry> {
        let (rows, total) = try ledger.entries(
            of: organisation.text, in: .credits, until: moment, limit: limit, offset: offset, transaction)
        return Page(data: try rows.map { try CreditEntry($0) }, total: total, limit: limit, offset: offset)
    }
}
