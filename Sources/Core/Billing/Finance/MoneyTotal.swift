/// The accounts of one name and currency together.
struct MoneyTotal: Sendable, Hashable {
    /// The sum of their balances, in minor units.
    private(set) var balance: Int64
    /// The number of movements into them.
    private(set) var entered: Int64
    /// The number of movements out of them.
    private(set) var left: Int64

    init(balance: Int64 = 0, entered: Int64 = 0, left: Int64 = 0) {
        self.balance = balance
        self.entered = entered
        self.left = left
    }

    mutating func enter(_ amount: Int64) {
        balance += amount
        entered += 1
    }

    mutating func leave(_ amount: Int64) {
        balance -= amount
        left += 1
    }
}
