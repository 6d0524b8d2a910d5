package import Modules
import Synchronization

/// Events of accounts, for modules that depend on this one: they add listeners when the modules are wired.
///
/// A listener runs in the transaction that causes its event; an error that it throws rolls the transaction back.
package final class IdentityEvents: Sendable {
    package typealias Listener = @Sendable (ID<Person>, ID<Organisation>, Transaction) throws -> Void

    package typealias SuspensionListener = @Sendable (ID<Person>, Transaction) throws -> Void

    package typealias UsageReader = @Sendable (ID<Person>, ID<Organisation>, Transaction) throws -> ProfileUsage

    package typealias ActiveSessionCounter = @Sendable (ID<Person>, Transaction) throws -> Int64

    /// Says what of the organisations has to be settled before they are erased; nil where nothing has.
    package typealias ObligationReader = @Sendable ([ID<Organisation>], Transaction) throws -> Obligation?

    /// Whether a module has rows of an organisation without a foreign key.
    package typealias DataReader = @Sendable (ID<Organisation>, Transaction) throws -> Bool

    private struct Listeners {
        var emailVerified: [Listener] = []
        var addressChanging: [Listener] = []
        var accountClosed: [Listener] = []
        var accountSuspended: [SuspensionListener] = []
        var memberRemoved: [Listener] = []
        var usage: [UsageReader] = []
        var activeSessions: [ActiveSessionCounter] = []
        var obligations: [ObligationReader] = []
        var data: [DataReader] = []
        var activeSessionsChanged: [@Sendable (ID<Person>) -> Void] = []
    }

    private let listeners = Mutex(Listeners())

    init() {}

    /// Adds a listener for the first verification of an account's address, called with the personal organisation.
    package func onEmailVerified(_ listener: @escaping Listener) {
        listeners.withLock { $0.emailVerified.append(listener) }
    }

    /// Adds a listener for the change of an account's address, called with the personal organisation while the account
    /// has the old address.
    package func onAddressChanging(_ listener: @escaping Listener) {
        listeners.withLock { $0.addressChanging.append(listener) }
    }

    /// Adds a listener for the closing of an account, called with the personal organisation.
    package func onAccountClosed(_ listener: @escaping Listener) {
        listeners.withLock { $0.accountClosed.append(listener) }
    }

    /// Adds a listener for the suspension of an account.
    package func onAccountSuspended(_ listener: @escaping SuspensionListener) {
        listeners.withLock { $0.accountSuspended.append(listener) }
    }

    /// Adds a listener for the end of a membership, called with the organisation that the person has left or was
    /// removed from.
    package func onMemberRemoved(_ listener: @escaping Listener) {
        listeners.withLock { $0.memberRemoved.append(listener) }
    }

    /// Adds a reader of a part of a profile's usage; the parts are summed.
    package func addUsage(_ reader: @escaping UsageReader) { listeners.withLock { $0.usage.append(reader) } }

    /// Adds a counter of work sessions of a person that are active now; the counts are summed.
    package func addActiveSessions(_ counter: @escaping ActiveSessionCounter) {
        listeners.withLock { $0.activeSessions.append(counter) }
    }

    /// Adds a reader of what an organisation owes or is owed. While there is any, the organisation is not erased.
    package func addObligations(_ reader: @escaping ObligationReader) {
        listeners.withLock { $0.obligations.append(reader) }
    }

    /// Adds a reader of data of an organisation. While there is any, its owner cannot delete the organisation.
    package func addData(_ reader: @escaping DataReader) { listeners.withLock { $0.data.append(reader) } }

    /// After the commit, the next read of the person's account counts the active sessions anew.
    package func activeSessionsChanged(of person: ID<Person>, in transaction: Transaction) {
        let changed = listeners.withLock { $0.activeSessionsChanged }
        transaction.afterCommit { for listener in changed { listener(person) } }
    }

    /// Adds a listener for changes of the active sessions of a person. It must not block.
    func onActiveSessionsChanged(_ listener: @escaping @Sendable (ID<Person>) -> Void) {
        listeners.withLock { $0.activeSessionsChanged.append(listener) }
    }

    func activeSessions(of person: ID<Person>, in transaction: Transaction) throws -> Int64 {
        try listeners.withLock { $0.activeSessions }.reduce(0) { try $0 + $1(person, transaction) }
    }

    func emailVerified(_ person: Person, in transaction: Transaction) throws {
        for listener in listeners.withLock({ $0.emailVerified }) {
            try listener(person.id, person.organisation, transaction)
        }
    }

    func addressChanging(_ person: Person, in transaction: Transaction) throws {
        for listener in listeners.withLock({ $0.addressChanging }) {
            try listener(person.id, person.organisation, transaction)
        }
    }

    func accountClosed(_ person: Person, in transaction: Transaction) throws {
        for listener in listeners.withLock({ $0.accountClosed }) {
            try listener(person.id, person.organisation, transaction)
        }
    }

    func accountSuspended(_ person: ID<Person>, in transaction: Transaction) throws {
        for listener in listeners.withLock({ $0.accountSuspended }) { try listener(person, transaction) }
    }

    func memberRemoved(_ person: ID<Person>, from organisation: ID<Organisation>, in transaction: Transaction) throws {
        for listener in listeners.withLock({ $0.memberRemoved }) { try listener(person, organisation, transaction) }
    }

    /// - Returns: `not-settled` where something has to be settled before the organisations are erased.
    func refusal(ofErasing organisations: [ID<Organisation>], in transaction: Transaction) throws -> Problem? {
        for reader in listeners.withLock({ $0.obligations }) {
            if let found = try reader(organisations, transaction) {
                return Problem(.notSettled, detail: found.sentence, members: found.members)
            }
        }
        return nil
    }

    func hasData(_ organisation: ID<Organisation>, in transaction: Transaction) throws -> Bool {
        try listeners.withLock { $0.data }.contains { try $0(organisation, transaction) }
    }

    func usage(of person: Person, in transaction: Transaction) throws -> ProfileUsage {
        var sum = ProfileUsage()
        for reader in listeners.withLock({ $0.usage }) {
            sum.add(try reader(person.id, person.organisation, transaction))
        }
        return sum
    }
}

/// The usage in a profile.
package struct ProfileUsage: Sendable {
    /// Work sessions that the person began, such as those of Training.
    package var sessions: Int64 = 0
    package var messages: Int64 = 0
    /// Tokens of language models.
    package var tokens: Int64 = 0
    /// Of the files of the organisation's workspace.
    package var workspaceBytes: Int64 = 0
    /// The prefix of the default API key; nil without one.
    package var keyPrefix: String?

    package init() {}

    fileprivate mutating func add(_ other: ProfileUsage) {
        sessions += other.sessions
        messages += other.messages
        tokens += other.tokens
        workspaceBytes += other.workspaceBytes
        keyPrefix = keyPrefix ?? other.keyPrefix
    }
}
