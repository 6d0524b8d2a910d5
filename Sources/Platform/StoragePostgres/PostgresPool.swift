import Base
import Storage
import Synchronization

/// Lends connections: `size` that stay, `overflow` more while those are all lent, and a bounded line of callers who wait.
final class PostgresPool: Sendable {
    /// How many callers may wait for a connection.
    static let waitingMax = 4_096

    let timeout: Duration
    private let url: String
    private let size: Int
    private let overflow: Int
    private let health = PostgresHealth()
    private let state = Mutex(State())

    init(url: String, size: Int, overflow: Int, timeout: Duration) {
        precondition(size > 0 && overflow >= 0, "a pool has at least one connection")
        self.url = url
        self.size = size
        self.overflow = overflow
        self.timeout = timeout
    }

    /// Runs `body` with a connection that nobody else has.
    /// - Throws: `overloaded` when none comes free in time, `cancelled` when the task is cancelled while it waits.
    func lend<Result: Sendable>(_ body: (PostgresConnection) async -> Result) async throws(StorageError) -> Result {
        let connection = try await take()
        let result = await body(connection)
        giveBack(connection)
        return result
    }

    struct Figures {
        var open: Int
        var idle: Int
        var waiting: Int
        var reconnects: Int
    }

    var figures: Figures {
        let (idle, waiting) = state.withLock { ($0.idle.count, $0.waiters.count) }
        return Figures(open: health.open, idle: idle, waiting: waiting, reconnects: health.reconnects)
    }

    func close() async {
        let (idle, waiters) = state.withLock { state in
            state.isClosed = true
            defer { state.idle = [] }
            return (state.idle, state.waiters.removeAll())
        }
        for waiter in waiters { waiter.resume(returning: .failure(Self.closed)) }
        for connection in idle { await connection.close() }
        while state.withLock({ $0.lent > 0 }) {
            // Whoever has a connection is bounded by the timeouts of its statements; nobody is in a hurry here.
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    private static let closed = StorageError(.overloaded, code: "closed", message: "the database is closing")

    private func take() async throws(StorageError) -> PostgresConnection {
        let (taken, ticket) = state.withLock { state in
            let taken = state.take(size: size, overflow: overflow)
            return (taken, taken == nil ? state.ticket() : nil)
        }
        if let taken { return try connection(taken) }
        guard let ticket else {
            throw StorageError(.overloaded, code: "pool", message: "too many callers are waiting for a connection")
        }
        return try await withTaskCancellationHandler {
            await withCheckedContinuation { wait(ticket, $0) }
        } onCancel: {
            leave(ticket)
        }.get()
    }

    private func connection(_ taken: Taken) throws(StorageError) -> PostgresConnection {
        switch taken {
        case .idle(let connection): return connection
        case .new(let number): return PostgresConnection(url: url, health: health, number: number)
        case .closed: throw Self.closed
        }
    }

    private func wait(_ ticket: Int, _ continuation: Waiters.Continuation) {
        let (taken, startsWatch) = state.withLock { state -> (Taken?, Bool) in
            // A connection may have come back since the first look.
            if let taken = state.take(size: size, overflow: overflow) { return (taken, false) }
            state.waiters.add(continuation, ticket: ticket, until: .now + timeout)
            defer { state.isWatched = true }
            return (nil, !state.isWatched)
        }
        if let taken {
            continuation.resume(returning: Result { () throws(StorageError) in try connection(taken) })
        } else if Task.isCancelled {
            // The cancellation's handler may have come before the line was joined.
            leave(ticket)
        }
        if startsWatch { Task { await watchTheClock() } }
    }

    private func leave(_ ticket: Int) {
        let error = StorageError(
            .cancelled, code: "cancelled", message: "the caller left while it waited for a connection")
        state.withLock { $0.waiters.remove(ticket) }?.resume(returning: .failure(error))
    }

    /// Sends those away who have waited for too long. One task does so for all, and only while somebody waits.
    private func watchTheClock() async {
        while true {
            let (expired, next) = state.withLock { state in
                let expired = state.waiters.removeExpired(at: .now), next = state.waiters.nextDeadline()
                state.isWatched = next != nil
                return (expired, next)
            }
            for waiter in expired {
                waiter.resume(
                    returning: .failure(
                        StorageError(.overloaded, code: "pool", message: "no connection came free within \(timeout)")))
            }
            guard let next else { return }
            try? await Task.sleep(until: next, clock: .continuous)
        }
    }

    private func giveBack(_ connection: PostgresConnection) {
        let (waiter, isSurplus) = state.withLock { state -> (Waiters.Continuation?, Bool) in
            if !state.isClosed, let waiter = state.waiters.removeFirst() { return (waiter, false) }
            state.lent -= 1
            guard !state.isClosed, state.idle.count + state.lent < size else { return (nil, true) }
            state.idle.append(connection)
            return (nil, false)
        }
        waiter?.resume(returning: .success(connection))
        if isSurplus { Task { await connection.close() } }
    }
}

extension PostgresPool {
    private enum Taken {
        case idle(PostgresConnection)
        case new(number: Int)
        case closed
    }

    /// Who has what. A pure value.
    private struct State {
        /// The last one back is the first one out: it is the least likely to have gone stale.
        var idle: [PostgresConnection] = []
        var lent = 0
        var waiters = Waiters()
        var isWatched = false
        var isClosed = false
        private var made = 0
        private var tickets = 0

        /// - Returns: nil when there is nothing to take and the caller must wait.
        mutating func take(size: Int, overflow: Int) -> Taken? {
            if isClosed { return .closed }
            guard !idle.isEmpty || lent < size + overflow else { return nil }
            lent += 1
            if let connection = idle.popLast() { return .idle(connection) }
            made += 1
            return .new(number: made)
        }

        /// A place at the end of the line.
        /// - Returns: nil when the line is full.
        mutating func ticket() -> Int? {
            guard waiters.count < waitingMax else { return nil }
            tickets += 1
            return tickets
        }
    }

    /// Callers in the order in which they came. Each waits equally long, so it is also the order of their deadlines.
    private struct Waiters {
        typealias Continuation = CheckedContinuation<Result<PostgresConnection, StorageError>, Never>

        // By ticket. Whoever leaves the line early leaves a gap in the numbers, which is passed over when its turn comes.
        private var line: [Int: (continuation: Continuation, deadline: ContinuousClock.Instant)] = [:]
        private var first = 0
        private var end = 0

        var count: Int { line.count }

        mutating func add(_ continuation: Continuation, ticket: Int, until deadline: ContinuousClock.Instant) {
            first = line.isEmpty ? ticket : min(first, ticket)
            end = max(end, ticket + 1)
            line[ticket] = (continuation, deadline)
        }

        mutating func remove(_ ticket: Int) -> Continuation? { line.removeValue(forKey: ticket)?.continuation }

        mutating func removeFirst() -> Continuation? {
            while first < end, line[first] == nil { first += 1 }
            return remove(first)
        }

        mutating func removeAll() -> [Continuation] {
            defer { line = [:] }
            return line.values.map(\.continuation)
        }

        mutating func removeExpired(at now: ContinuousClock.Instant) -> [Continuation] {
            var expired: [Continuation] = []
            while let deadline = nextDeadline(), deadline <= now, let continuation = removeFirst() {
                expired.append(continuation)
            }
            return expired
        }

        mutating func nextDeadline() -> ContinuousClock.Instant? {
            while first < end, line[first] == nil { first += 1 }
            return line[first]?.deadline
        }
    }
}
