import Base
import Storage
import Synchronization

/// A pool of connections: `size` that stay open, `overflow` more while those are all in use, and a bounded queue of
/// waiting callers.
final class PostgresPool: Sendable {
    /// How many callers may wait for a connection.
    static let waitingMax = 4_096

    let timeout: Duration
    private let url: String
    private let size: Int
    private let overflow: Int
    private let statementTimeout: Duration
    private let health = PostgresHealth()
    private let interruption: PostgresInterruption
    private let ageMax: Duration?
    private let state = Mutex(State())

    /// How long connections in use may finish their transactions when the pool closes.
    static let closingMax = Duration.seconds(2)

    init(
        url: String, size: Int, overflow: Int, timeout: Duration, statementTimeout: Duration,
        interruption: PostgresInterruption, ageMax: Duration?
    ) {
        self.ageMax = ageMax
        precondition(size > 0 && overflow >= 0, "a pool has at least one connection")
        self.statementTimeout = statementTimeout
        self.interruption = interruption
        self.url = url
        self.size = size
        self.overflow = overflow
        self.timeout = timeout
    }

    /// Runs `body` with exclusive use of a connection.
    /// - Throws: `overloaded` when no connection becomes free in time, `cancelled` when the task is cancelled while it
    ///   waits.
    func lend<Result: Sendable>(_ body: (PostgresConnection) async -> Result) async throws(StorageError) -> Result {
        let connection = try await acquire()
        let result = await body(connection)
        release(connection)
        return result
    }

    struct Statistics {
        var open: Int
        var idle: Int
        var waiting: Int
        var reconnects: Int
    }

    var statistics: Statistics {
        let (idle, waiting) = state.withLock { ($0.idle.count, $0.waiters.count) }
        return Statistics(open: health.open, idle: idle, waiting: waiting, reconnects: health.reconnects)
    }

    func close() async {
        let (idle, waiters) = state.withLock { state in
            state.isClosed = true
            defer { state.idle = [] }
            return (state.idle, state.waiters.removeAll())
        }
        for waiter in waiters { waiter.resume(returning: .failure(Self.closed)) }
        for connection in idle { await connection.close() }
        let deadline = ContinuousClock.now + Self.closingMax
        while state.withLock({ $0.inUse > 0 }) {
            // A server that does not answer must not keep the process.
            if .now > deadline { interruption.begin() }
            // A task of its own, because the caller may be cancelled and would not sleep.
            await Task { try? await Task.sleep(for: .milliseconds(5)) }.value
        }
    }

    private static let closed = StorageError(.overloaded, code: "closed", message: "the database is closing")

    private func acquire() async throws(StorageError) -> PostgresConnection {
        let (lease, ticket) = state.withLock { state in
            let lease = state.acquire(size: size, overflow: overflow)
            return (lease, lease == nil ? state.ticket() : nil)
        }
        if let lease { return try connection(lease) }
        guard let ticket else {
            throw StorageError(.overloaded, code: "pool", message: "too many callers are waiting for a connection")
        }
        return try await withTaskCancellationHandler {
            await withCheckedContinuation { wait(ticket, $0) }
        } onCancel: {
            cancel(ticket)
        }.get()
    }

    private func connection(_ lease: Lease) throws(StorageError) -> PostgresConnection {
        switch lease {
        case .idle(let connection): return connection
        case .new(let number):
            return PostgresConnection(
                url: url, health: health, statementTimeout: statementTimeout, interruption: interruption,
                ageMax: ageMax, number: number)
        case .closed: throw Self.closed
        }
    }

    private func wait(_ ticket: Int, _ continuation: Waiters.Continuation) {
        let (lease, startsTimer) = state.withLock { state -> (Lease?, Bool) in
            // A connection may have been released since the first attempt.
            if let lease = state.acquire(size: size, overflow: overflow) { return (lease, false) }
            state.waiters.add(continuation, ticket: ticket, until: .now + timeout)
            defer { state.hasTimer = true }
            return (nil, !state.hasTimer)
        }
        if let lease {
            continuation.resume(returning: Result { () throws(StorageError) in try connection(lease) })
        } else if Task.isCancelled {
            // The cancellation handler may have run before the caller was queued.
            cancel(ticket)
        }
        if startsTimer { Task { await expireWaiters() } }
    }

    private func cancel(_ ticket: Int) {
        let error = StorageError(
            .cancelled, code: "cancelled", message: "the caller was cancelled while it waited for a connection")
        state.withLock { $0.waiters.remove(ticket) }?.resume(returning: .failure(error))
    }

    /// Fails callers whose deadline has passed. One task serves all waiters and ends with the last of them.
    private func expireWaiters() async {
        while true {
            let (expired, next) = state.withLock { state in
                let expired = state.waiters.removeExpired(at: .now), next = state.waiters.nextDeadline()
                state.hasTimer = next != nil
                return (expired, next)
            }
            for waiter in expired {
                waiter.resume(
                    returning: .failure(
                        StorageError(.overloaded, code: "pool", message: "no connection became free in \(timeout)")))
            }
            guard let next else { return }
            try? await Task.sleep(until: next, clock: .continuous)
        }
    }

    private func release(_ connection: PostgresConnection) {
        let (waiter, isSurplus) = state.withLock { state -> (Waiters.Continuation?, Bool) in
            if !state.isClosed, let waiter = state.waiters.removeFirst() { return (waiter, false) }
            state.inUse -= 1
            guard !state.isClosed, state.idle.count + state.inUse < size else { return (nil, true) }
            state.idle.append(connection)
            return (nil, false)
        }
        waiter?.resume(returning: .success(connection))
        if isSurplus { Task { await connection.close() } }
    }
}

extension PostgresPool {
    private enum Lease {
        case idle(PostgresConnection)
        case new(number: Int)
        case closed
    }

    /// A pure value.
    private struct State {
        /// Last in, first out: the connection that was released last is the least likely to be stale.
        var idle: [PostgresConnection] = []
        var inUse = 0
        var waiters = Waiters()
        /// Whether ``expireWaiters()`` runs.
        var hasTimer = false
        var isClosed = false
        private var made = 0
        private var tickets = 0

        /// - Returns: nil when every connection is in use and the caller must wait.
        mutating func acquire(size: Int, overflow: Int) -> Lease? {
            if isClosed { return .closed }
            guard !idle.isEmpty || inUse < size + overflow else { return nil }
            inUse += 1
            if let connection = idle.popLast() { return .idle(connection) }
            made += 1
            return .new(number: made)
        }

        /// A position at the end of the queue.
        /// - Returns: nil when the queue is full.
        mutating func ticket() -> Int? {
            guard waiters.count < waitingMax else { return nil }
            tickets += 1
            return tickets
        }
    }

    /// Waiting callers in the order of their arrival. Each waits equally long, so it is also the order of their
    /// deadlines.
    private struct Waiters {
        typealias Continuation = CheckedContinuation<Result<PostgresConnection, StorageError>, Never>

        // By ticket. A cancelled caller leaves a gap in the numbers, which `removeFirst` skips.
        private var queue: [Int: (continuation: Continuation, deadline: ContinuousClock.Instant)] = [:]
        private var first = 0
        private var end = 0

        var count: Int { queue.count }

        mutating func add(_ continuation: Continuation, ticket: Int, until deadline: ContinuousClock.Instant) {
            first = queue.isEmpty ? ticket : min(first, ticket)
            end = max(end, ticket + 1)
            queue[ticket] = (continuation, deadline)
        }

        mutating func remove(_ ticket: Int) -> Continuation? { queue.removeValue(forKey: ticket)?.continuation }

        mutating func removeFirst() -> Continuation? {
            while first < end, queue[first] == nil { first += 1 }
            return remove(first)
        }

        mutating func removeAll() -> [Continuation] {
            defer { queue = [:] }
            return queue.values.map(\.continuation)
        }

        mutating func removeExpired(at now: ContinuousClock.Instant) -> [Continuation] {
            var expired: [Continuation] = []
            while let deadline = nextDeadline(), deadline <= now, let continuation = removeFirst() {
                expired.append(continuation)
            }
            return expired
        }

        mutating func nextDeadline() -> ContinuousClock.Instant? {
            while first < end, queue[first] == nil { first += 1 }
            return queue[first]?.deadline
        }
    }
}
