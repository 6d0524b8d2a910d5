import Identity
import Ledger
import Modules

/// Movements of credits that make one posting. Each movement changes the counts of its lot at once.
struct CreditMovements {
    let organisation: ID<Organisation>
    private(set) var movements: [Movement] = []

    init(_ organisation: ID<Organisation>) { self.organisation = organisation }

    /// Moves units of a lot from one state to another; does nothing for 0 units.
    /// - Parameter account: the ledger account that receives the units, where it is not the one of the target state.
    mutating func move(
        _ units: Int64, of lot: ID<CreditLot>, from: CreditLot.State, to: CreditLot.State,
        paying account: CreditAccount? = nil, in transaction: Transaction
    ) throws {
        guard units > 0 else { return }
        guard try transaction.move(units, of: lot, in: organisation, from: from, to: to) else {
            // Callers lock the organisation's credits and read the lot first, so that this is a defect. The transaction
            // is rolled back.
            throw StorageError(
                .other, code: "credits", message: "the lot \(lot) has fewer than \(units) \(from.rawValue)")
        }
        add(units, from: .state(from), to: account ?? .state(to), lot)
    }

    /// Adds a movement between accounts that changes no lot.
    mutating func add(_ units: Int64, from: CreditAccount, to: CreditAccount, _ lot: ID<CreditLot>? = nil) {
        guard units > 0 else { return }
        movements.append(
            Movement(units, from: from.account(of: organisation), to: to.account(of: organisation), subject: lot?.text))
    }
}
