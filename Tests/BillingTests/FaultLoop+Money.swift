import Ledger
import Modules
import TestKit

@testable import Billing

extension FaultLoop {
    /// Of transactions alone.
    static var ofMoney: FaultLoop { FaultLoop(checking: money) }

    /// Of calls to the provider too: after each run the lease of one that was being sent ends.
    static var ofCalls: FaultLoop { FaultLoop(checking: money, pause: ProviderCall.lease + .seconds(1)) }

    private static let money = BillingModule.invariants + LedgerInvariants.all
}
