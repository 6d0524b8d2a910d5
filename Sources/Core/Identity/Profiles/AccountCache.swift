import Modules
import Synchronization

/// What people see of their accounts: products elsewhere ask with every call of theirs whether a token is good and whose it is.
///
/// What is changed here is known here at once: every write of this module makes whatever was read before it unfit. What is changed by other
/// processes is known within half a second.
final class AccountCache: Sendable {
    private struct Remembered: Sendable {
        let account: PreencodedResponse<Account>
        let generation: Int
    }

    private let memory = TTLCache<ID<Person>, Remembered>()
    /// Grows with each write.
    private let generation = Atomic(0)

    func forgetAll() { generation.add(1, ordering: .sequentiallyConsistent) }

    /// - Parameter read: asks the database; its answer is kept unless something was written meanwhile.
    func account(of person: ID<Person>, at now: Instant, read: () async throws(Problem) -> Account)
        async throws(Problem) -> PreencodedResponse<Account>
    {
        let generation = generation.load(ordering: .sequentiallyConsistent)
        if let known = memory.value(for: person, at: now), known.generation == generation { return known.account }
        let account = try PreencodedResponse(try await read())
        memory.remember(Remembered(account: account, generation: generation), for: person, at: now)
        return account
    }
}
