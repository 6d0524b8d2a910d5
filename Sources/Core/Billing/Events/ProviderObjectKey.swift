/// An object of the provider, by the account that it belongs to.
struct ProviderObjectKey: Sendable, Hashable, Comparable {
    /// Empty for the platform's own.
    let account: String
    let id: String

    init(account: String, id: String) {
        self.account = account
        self.id = id
    }

    init(_ event: ProviderEvent) { self.init(account: event.account, id: event.objectID) }

    static func < (left: Self, right: Self) -> Bool { (left.account, left.id) < (right.account, right.id) }
}
