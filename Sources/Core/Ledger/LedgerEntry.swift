package import Modules

/// A posting as it is stored.
package struct LedgerEntry: Sendable, Hashable {
    package struct Step: Sendable, Hashable {
        package let amount: Int64
        /// The names of the accounts.
        package let from: String
        package let to: String
        package let subject: String?
    }

    package let id: ID<Posting>
    package let kind: String
    package let operation: String
    package let fingerprint: String
    package let reason: String
    package let corrects: ID<Posting>?
    package let occurredAt: Instant
    package internal(set) var steps: [Step] = []
}
