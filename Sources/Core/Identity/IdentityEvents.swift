package import Modules
import Synchronization

/// What happens to people, for the parts of the system that stand above this one: they join in when everything is wired.
///
/// What is told is told in the transaction that makes it true: a listener that throws keeps it from happening.
package final class IdentityEvents: Sendable {
    package typealias Listener = @Sendable (ID<Person>, ID<Organisation>, Transaction) throws -> Void

    package typealias UsageReader = @Sendable (ID<Person>, ID<Organisation>, Transaction) throws -> ProfileUsage

    private struct Listeners {
        var emailVerified: [Listener] = []
        var accountClosed: [Listener] = []
        var usage: [UsageReader] = []
    }

    private let listeners = Mutex(Listeners())

    init() {}

    /// Calls `listener` when somebody proves an address for the first time since it is theirs, with their personal organisation.
    package func onEmailVerified(_ listener: @escaping Listener) {
        listeners.withLock { $0.emailVerified.append(listener) }
    }

    /// Calls `listener` when somebody closes their account, with their personal organisation.
    package func onAccountClosed(_ listener: @escaping Listener) {
        listeners.withLock { $0.accountClosed.append(listener) }
    }

    /// Asks `reader` for its part of what a profile says of a person's use; parts are added up.
    package func addUsage(_ reader: @escaping UsageReader) { listeners.withLock { $0.usage.append(reader) } }

    func emailVerified(_ person: Person, in transaction: Transaction) throws {
        for listener in listeners.withLock({ $0.emailVerified }) {
            try listener(person.id, person.organisation, transaction)
        }
    }

    func accountClosed(_ person: Person, in transaction: Transaction) throws {
        for listener in listeners.withLock({ $0.accountClosed }) {
            try listener(person.id, person.organisation, transaction)
        }
    }

    func usage(of person: Person, in transaction: Transaction) throws -> ProfileUsage {
        var sum = ProfileUsage()
        for reader in listeners.withLock({ $0.usage }) {
            sum.add(try reader(person.id, person.organisation, transaction))
        }
        return sum
    }
}

/// What a profile says of a person's use.
package struct ProfileUsage: Sendable {
    /// Sessions of work that the person began.
    package var sessions: Int64 = 0
    package var messages: Int64 = 0
    /// Tokens of language models.
    package var tokens: Int64 = 0
    /// The beginning of the API key in use; nil without one.
    package var keyPrefix: String?

    package init() {}

    fileprivate mutating func add(_ other: ProfileUsage) {
        sessions += other.sessions
        messages += other.messages
        tokens += other.tokens
        keyPrefix = keyPrefix ?? other.keyPrefix
    }
}
