/// The state of rates: in this process, or shared by all nodes.
package protocol RateStore: Sendable {
    /// Takes `cost` units from each of the rates of a key, or from none of them. It always decides: a store whose
    /// backend is unavailable decides from local state, with less than the rate rather than more.
    /// - Parameter cost: at least 1.
    func take(_ cost: Int64, from key: RateKey, under rates: Rates) async -> RateDecision
    /// As ``take(_:from:under:)`` without taking units: whether it would be allowed, and the state of the rates before
    /// it.
    func peek(_ cost: Int64, from key: RateKey, under rates: Rates) async -> RateDecision
}

/// The key of a state: the name of a limit, and the subject that it limits.
package struct RateKey: Sendable, Hashable {
    package let limit: String
    package let subject: String

    /// - Parameter subject: neither secret nor long: it is stored and is sent to the store with each request.
    package init(limit: String, subject: String) {
        self.limit = limit
        self.subject = subject
    }
}
