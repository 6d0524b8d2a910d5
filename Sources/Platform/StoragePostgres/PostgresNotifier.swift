import Base
import Foundation
import Storage
import Synchronization

/// Messages between the processes on one database: LISTEN and NOTIFY on a session of its own, served by one thread.
///
/// NOTIFY is sent after the commit of the transaction that it reports, never inside: PostgreSQL serializes the commits
/// of transactions with a NOTIFY. The messages that wait when the thread becomes free share one NOTIFY, so there is at
/// most one for each commit. None is sent while no other process listens.
///
/// Other listeners are found in `pg_stat_activity` by their application name: the view is exact (a session ends with
/// its process), needs no table and no heartbeat, and includes processes that only run jobs. A new listener notifies
/// the existing ones with an empty payload, so a process without peers reads the view only when it connects.
final class PostgresNotifier: Sendable {
    static let channel = "gatehouse"
    static let applicationName = "gatehouse-listener"
    /// Distinct messages that wait for the session. Beyond it receivers get ``DatabaseNotification/missed``.
    static let pendingMax = 1_024
    /// PostgreSQL limits a payload to 7,999 bytes. Longer payloads are replaced by ``missedPayload``.
    static let payloadBytesMax = 7_900
    /// How long a positive result of the search for other listeners is used.
    static let peersValid = Duration.seconds(5)
    /// The pause before a reconnection: doubled after each failure, between these bounds.
    static let reconnectPause = Duration.milliseconds(100)...Duration.seconds(5)

    private static let missedPayload = "*"

    private struct State {
        var handlers: [Int: @Sendable (DatabaseNotification) -> Void] = [:]
        var subscriptions = 0
        /// In order, without duplicates.
        var pending: [String] = []
        var hasMissed = false
        var isRunning = false
        var isClosed = false
        var whenEnded: [CheckedContinuation<Void, Never>] = []

        /// - Returns: the payload of one NOTIFY for everything that is queued; nil when nothing is.
        mutating func takePayload() -> String? {
            guard hasMissed || !pending.isEmpty else { return nil }
            defer { (pending, hasMissed) = ([], false) }
            let payload = pending.joined(separator: "\n")
            return hasMissed || payload.utf8.count > payloadBytesMax ? missedPayload : payload
        }
    }

    struct Statistics {
        var isListening = false
        /// The server's process id of the session, from before it listens.
        var process: Int32?
        var sent = 0
        var received = 0
    }

    private let url: String
    private let statementTimeout: Duration
    private let interruption: PostgresInterruption
    private let wakeUp = WakeUpPipe()
    private let state = Mutex(State())
    private let counts = Mutex(Statistics())

    init(url: String, statementTimeout: Duration, interruption: PostgresInterruption) {
        self.url = url
        self.statementTimeout = statementTimeout
        self.interruption = interruption
    }

    var statistics: Statistics { counts.withLock { $0 } }

    /// Starts the thread with the first subscription.
    func subscribe(_ handler: @escaping @Sendable (DatabaseNotification) -> Void) -> DatabaseSubscription {
        let (id, starts) = state.withLock { state -> (Int, Bool) in
            state.subscriptions += 1
            state.handlers[state.subscriptions] = handler
            defer { state.isRunning = state.isRunning || !state.isClosed }
            return (state.subscriptions, !state.isRunning && !state.isClosed)
        }
        if starts {
            let thread = Thread { self.run() }
            thread.name = "postgres-notifier"
            thread.start()
        }
        return DatabaseSubscription { self.state.withLock { $0.handlers[id] = nil } }
    }

    /// Queues messages for the other listeners. Without a subscription they are dropped.
    func send(_ messages: [String]) {
        let isQueued = state.withLock { state in
            guard state.isRunning, !state.isClosed else { return false }
            for message in messages where !state.pending.contains(message) {
                guard state.pending.count < Self.pendingMax else {
                    state.hasMissed = true
                    break
                }
                state.pending.append(message)
            }
            return true
        }
        if isQueued { wakeUp.signal() }
    }

    /// Sends the queued messages where the session is open, and returns when it is closed.
    func close() async {
        await withCheckedContinuation { continuation in
            let isRunning = state.withLock { state in
                state.isClosed = true
                if state.isRunning { state.whenEnded.append(continuation) }
                return state.isRunning
            }
            if isRunning { wakeUp.signal() } else { continuation.resume() }
        }
    }

    // MARK: The thread

    private func run() {
        var pause = Self.reconnectPause.lowerBound
        var hasListened = false
        while !state.withLock({ $0.isClosed }) {
            do {
                let session = try PostgresSession(
                    url: url, statementTimeout: statementTimeout, interruption: interruption)
                counts.withLock { $0.process = session.processID }
                let hasPeers = try listen(on: session)
                // Messages that were sent before LISTEN did not arrive.
                deliver([.missed])
                hasListened = true
                pause = Self.reconnectPause.lowerBound
                counts.withLock { $0.isListening = true }
                try serve(session, hasPeers: hasPeers)
            } catch {
                // Messages of this process may be lost with the session.
                if hasListened { state.withLock { $0.hasMissed = true } }
            }
            counts.withLock { ($0.isListening, $0.process) = (false, nil) }
            if state.withLock({ $0.isClosed }) { break }
            wakeUp.pause(for: pause) { self.state.withLock { $0.isClosed } }
            pause = min(pause * 2, Self.reconnectPause.upperBound)
        }
        let waiting = state.withLock { state in
            state.isRunning = false
            defer { state.whenEnded = [] }
            return state.whenEnded
        }
        for continuation in waiting { continuation.resume() }
    }

    /// The name is set before LISTEN, and LISTEN commits before other listeners are counted: of two processes that
    /// start at the same time at least one finds the other and notifies it.
    /// - Returns: whether other processes listen.
    private func listen(on session: PostgresSession) throws(StorageError) -> Bool {
        try session.query("SET application_name = '\(Self.applicationName)'")
        try session.query("LISTEN \(Self.channel)")
        guard try hasPeers(session) else { return false }
        try notify("", on: session)
        return true
    }

    private func hasPeers(_ session: PostgresSession) throws(StorageError) -> Bool {
        let count = try session.query(
            """
            SELECT COUNT(*) FROM pg_stat_activity
            WHERE application_name = '\(Self.applicationName)' AND datname = current_database()
                AND pid <> pg_backend_pid()
            """)
        return count != "0"
    }

    /// Sends and receives until the notifier is closed.
    private func serve(_ session: PostgresSession, hasPeers: Bool) throws(StorageError) {
        var hasPeers = hasPeers
        var peersCheckedAt = ContinuousClock.now
        while true {
            if try receive(from: session) { (hasPeers, peersCheckedAt) = (true, .now) }
            let (payload, isClosed) = state.withLock { ($0.takePayload(), $0.isClosed) }
            if let payload, hasPeers {
                if .now - peersCheckedAt > Self.peersValid {
                    hasPeers = try self.hasPeers(session)
                    peersCheckedAt = .now
                }
                if hasPeers { try notify(payload, on: session) }
            }
            if isClosed { return }
            // The queries above may have read notifications from the socket, which poll(2) would not report.
            if try receive(from: session) { (hasPeers, peersCheckedAt) = (true, .now) }
            wakeUp.wait(alsoFor: session.socket)
        }
    }

    /// Delivers the notifications that have arrived.
    /// - Returns: whether another process sent one.
    private func receive(from session: PostgresSession) throws(StorageError) -> Bool {
        let foreign = try session.notifications().filter { $0.sender != session.processID }
        guard !foreign.isEmpty else { return false }
        let notifications = foreign.flatMap { Self.notifications(in: $0.payload) }
        counts.withLock { $0.received += notifications.count }
        deliver(notifications)
        return true
    }

    private func notify(_ payload: String, on session: PostgresSession) throws(StorageError) {
        try session.execute("SELECT pg_notify('\(Self.channel)', $1)", value: payload)
        counts.withLock { $0.sent += 1 }
    }

    private func deliver(_ notifications: [DatabaseNotification]) {
        let handlers = state.withLock { Array($0.handlers.values) }
        for notification in notifications { for handler in handlers { handler(notification) } }
    }

    private static func notifications(in payload: String) -> [DatabaseNotification] {
        payload == missedPayload ? [.missed] : payload.split(separator: "\n").map { .message(String($0)) }
    }
}

/// Interrupts the thread's wait for its socket, from any thread.
private final class WakeUpPipe: Sendable {
    private let reading: Int32
    private let writing: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { preconditionFailure("no pipe: \(String(cString: strerror(errno)))") }
        (reading, writing) = (ends[0], ends[1])
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
    }

    deinit {
        close(reading)
        close(writing)
    }

    /// A full pipe already holds a signal, so a failed write needs no handling.
    func signal() {
        var byte: UInt8 = 1
        _ = write(writing, &byte, 1)
    }

    /// Returns at a signal, or when `socket` is readable or closed.
    func wait(alsoFor socket: Int32) { _ = poll([socket, reading], for: nil) }

    /// Returns after `duration`, or at a signal after which `isEnded` is true.
    func pause(for duration: Duration, unless isEnded: () -> Bool) {
        let deadline = ContinuousClock.now + duration
        while !isEnded(), case let left = deadline - .now, left > .zero, poll([reading], for: left) > 0 {}
    }

    private func poll(_ descriptors: [Int32], for duration: Duration?) -> Int32 {
        var waiting = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let milliseconds = duration.map { Int32(clamping: $0.microseconds / 1_000 + 1) } ?? -1
        let ready = Foundation.poll(&waiting, nfds_t(waiting.count), milliseconds)
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(reading, &bytes, bytes.count) > 0 {}
        return ready
    }
}
