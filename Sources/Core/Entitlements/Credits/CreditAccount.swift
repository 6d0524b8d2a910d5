import Identity
import Ledger
import Modules

/// The ledger accounts of an organisation's credits.
enum CreditAccount: Sendable, Hashable {
    case state(CreditLot.State)
    /// The source of all credits: its balance is minus the number that was granted.
    case issued
    /// Work that was done without credits: its balance is minus the number that is owed.
    case debt

    var name: String {
        switch self {
        case .state(let state): state.rawValue
        case .issued: "issued"
        case .debt: "debt"
        }
    }

    func account(of organisation: ID<Organisation>) -> LedgerAccount {
        if case .state = self { return LedgerAccount(name, of: organisation.text, in: .credits) }
        return LedgerAccount(name, of: organisation.text, in: .credits, mayBeNegative: true)
    }
}
