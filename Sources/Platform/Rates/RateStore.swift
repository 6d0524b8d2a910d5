/// Where the state of rates is kept: in this process, or in one place for all nodes.
package protocol RateStore: Sendable {
    /// Takes `cost` units from each of the rates of a key, or from none of them. Always answers: a store that cannot reach what it needs
    /// answers from what it has, with less rather than more.
    /// - Parameter cost: at least 1.
    func take(_ cost: Int64, from key: RateKey, under rates: Rates) async -> RateVerdict
    /// As ``take(_:from:under:)``, and takes nothing: whether it would pass, and where the rates stand before it.
    func look(_ cost: Int64, at key: RateKey, under rates: Rates) async -> RateVerdict
}

/// Whose rates: a limit's name, and who is limited by it.
package struct RateKey: Sendable, Hashable {
    package let limit: String
    package let subject: String

    /// - Parameter subject: nothing secret, and nothing long: it is kept, and travels to the store.
    package init(limit: String, subject: String) {
        self.limit = limit
        self.subject = subject
    }
}
