import Modules
import Synchronization

/// The accounts that people read, encoded: services elsewhere verify tokens by this with each of their requests.
///
/// A write of this process invalidates the account that it concerns, and so is read by the next request. A write of
/// another process is read within half a second.
final class AccountCache: Sendable {
    /// Reads of one account that are under way.
    private struct Reads {
        var count = 0
        /// Incremented by each invalidation, so that a value that was read before it is not cached after it.
        var version = 0
    }

    private let cache = TTLCache<ID<Person>, PreencodedResponse<Account>>()
    private let reads = Mutex<[ID<Person>: Reads]>([:])

    /// Deletes the cached account of `person`, after a write that concerns it.
    func invalidate(_ person: ID<Person>) {
        reads.withLock { reads in
            reads[person]?.version += 1
            cache.invalidate(person)
        }
    }

    /// - Parameter read: reads the database; its result is cached unless the account is invalidated meanwhile.
    func account(of person: ID<Person>, at now: Instant, read: () async throws(Problem) -> Account)
        async throws(Problem) -> PreencodedResponse<Account>
    {
        if let cached = cache.value(for: person, at: now) { return cached }
        let version = begin(person)
        do {
            let account = try PreencodedResponse(try await read())
            end(person) { if $0 == version { cache.set(account, for: person, at: now) } }
            return account
        } catch {
            end(person) { _ in }
            throw error
        }
    }

    private func begin(_ person: ID<Person>) -> Int {
        reads.withLock { reads in
            reads[person, default: Reads()].count += 1
            return reads[person]?.version ?? 0
        }
    }

    private func end(_ person: ID<Person>, _ body: (_ version: Int) -> Void) {
        reads.withLock { reads in
            guard var ended = reads[person] else { return }
            body(ended.version)
            ended.count -= 1
            reads[person] = ended.count > 0 ? ended : nil
        }
    }
}
