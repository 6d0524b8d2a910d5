import NIOCore
import Synchronization

/// The commands of one event loop: callers on any thread write them into one buffer, and the loop sends all of it at once.
///
/// Sound because what is not behind the lock or atomic is touched on the loop alone.
final class RedisPipeline: @unchecked Sendable {
    /// A command that waits for its answer.
    private struct Waiting {
        let caller: CheckedContinuation<Result<RESPValue, RedisError>, Never>
        let size: Int
        let deadline: NIODeadline
    }

    private struct Outbox {
        var bytes = ByteBuffer()
        var waiting: [Waiting] = []
        /// The loop has been told to look.
        var isScheduled = false
        var isClosed = false
        /// Handed in and not answered, sent ones included.
        var commands = 0
        var size = 0
    }

    private enum Phase {
        /// Nobody has asked for anything.
        case idle
        /// The first try since the start, or since a connection that worked: what comes meanwhile waits for it.
        case connecting
        case open(RedisConnection)
        /// A try failed. What comes meanwhile fails at once.
        case away(String)
        case closed
    }

    let loop: any EventLoop
    private let settings: RedisSettings
    private let outbox = Mutex(Outbox())
    private let connected = Atomic(false)
    private var phase = Phase.idle
    private var sent = CircularBuffer<Waiting>()
    private var failures = 0
    private var alarm: Scheduled<Void>?
    private var retry: Scheduled<Void>?
    private var drained: [EventLoopPromise<Void>] = []
    private var answered = (commands: 0, size: 0)

    init(_ settings: RedisSettings, on loop: any EventLoop) {
        self.settings = settings
        self.loop = loop
    }

    var isConnected: Bool { connected.load(ordering: .relaxed) }

    // MARK: From any thread

    func send(_ command: RedisCommand) async -> Result<RESPValue, RedisError> {
        let size = command.wireSize
        return await withCheckedContinuation { caller in
            let refusal = outbox.withLock { outbox -> Result<Bool, RedisError> in
                if outbox.isClosed { return .failure(.closed) }
                guard outbox.commands < settings.pendingCommandsMax, outbox.size + size <= settings.pendingBytesMax
                else { return .failure(.overloaded) }
                command.write(to: &outbox.bytes)
                outbox.waiting.append(
                    Waiting(caller: caller, size: size, deadline: .now() + TimeAmount(settings.commandTimeout)))
                outbox.commands += 1
                outbox.size += size
                defer { outbox.isScheduled = true }
                return .success(!outbox.isScheduled)
            }
            switch refusal {
            case .failure(let fault): caller.resume(returning: .failure(fault))
            case .success(true): loop.execute { self.flush() }
            case .success(false): break
            }
        }
    }

    /// Refuses what comes from now on, waits for the answers to what was sent, no longer than a command may take, and closes.
    func close() async {
        outbox.withLock { $0.isClosed = true }
        let done = loop.makePromise(of: Void.self)
        loop.execute {
            self.flush()
            self.drained.append(done)
            self.endWhenDrained()
        }
        try? await done.futureResult.get()
    }

    // MARK: On the loop

    private func flush() {
        switch phase {
        case .idle:
            guard outbox.withLock({ !$0.waiting.isEmpty }) else { return }
            // What was handed in stays in the outbox, which stays marked as scheduled, until this is decided.
            phase = .connecting
            connect()
        case .connecting: break
        case .open(let connection):
            let (bytes, waiting) = takeOutbox()
            guard !waiting.isEmpty else { return }
            sent.append(contentsOf: waiting)
            connection.send(bytes)
            setAlarm()
        case .away(let why): fail(takeOutbox().waiting, .notConnected(why))
        case .closed: fail(takeOutbox().waiting, .closed)
        }
    }

    private func takeOutbox() -> (bytes: ByteBuffer, waiting: [Waiting]) {
        outbox.withLock { outbox in
            defer {
                outbox.bytes = ByteBuffer()
                outbox.waiting = []
                outbox.isScheduled = false
            }
            return (outbox.bytes, outbox.waiting)
        }
    }

    private func connect() {
        RedisConnection.open(settings, on: loop).whenComplete { outcome in
            switch outcome {
            case .success(let connection): self.opened(connection)
            case .failure(let error): self.failed(to: "\((error as? RedisError).map(Self.reason) ?? "\(error)")")
            }
        }
    }

    private static func reason(of fault: RedisError) -> String {
        if case .notConnected(let why) = fault { why } else { fault.description }
    }

    private func opened(_ connection: RedisConnection) {
        if case .closed = phase { return connection.end(because: "the client is closed") }
        failures = 0
        phase = .open(connection)
        connected.store(true, ordering: .relaxed)
        connection.onReply = { self.received($0) }
        connection.onPause = { self.settle() }
        connection.onEnd = { self.ended($0) }
        flush()
        endWhenDrained()
    }

    private func failed(to why: String) {
        if case .closed = phase { return }
        failures += 1
        phase = .away(why)
        fail(takeOutbox().waiting, .notConnected(why))
        guard !endWhenDrained() else { return }
        var generator = SystemRandomNumberGenerator()
        retry = loop.scheduleTask(in: TimeAmount(settings.backoff.delay(after: failures, using: &generator))) {
            self.connect()
        }
    }

    private func received(_ value: RESPValue) {
        guard let waiting = sent.popFirst() else {
            if case .open(let connection) = phase { connection.end(because: "it answered what was not asked") }
            return
        }
        answered.commands += 1
        answered.size += waiting.size
        waiting.caller.resume(returning: .success(value))
    }

    /// Makes room for as many commands as were answered.
    private func settle() {
        if answered.commands > 0 {
            outbox.withLock { outbox in
                outbox.commands -= answered.commands
                outbox.size -= answered.size
            }
            answered = (0, 0)
        }
        endWhenDrained()
    }

    private func ended(_ why: String) {
        connected.store(false, ordering: .relaxed)
        alarm?.cancel()
        alarm = nil
        let lost = Array(sent)
        sent.removeAll(keepingCapacity: true)
        settle()
        fail(lost, .unknownOutcome(why))
        if case .closed = phase { return }
        // The server may only have been restarted: one try at once, for which new commands wait.
        phase = .connecting
        connect()
    }

    private func fail(_ waiting: [Waiting], _ fault: RedisError) {
        guard !waiting.isEmpty else { return }
        outbox.withLock { outbox in
            outbox.commands -= waiting.count
            outbox.size -= waiting.reduce(0) { $0 + $1.size }
        }
        for one in waiting { one.caller.resume(returning: .failure(fault)) }
    }

    /// Answers come in the order of commands, so one alarm for the oldest is enough.
    private func setAlarm() {
        guard alarm == nil, let oldest = sent.first else { return }
        alarm = loop.scheduleTask(deadline: oldest.deadline) {
            self.alarm = nil
            if let oldest = self.sent.first, oldest.deadline <= .now(), case .open(let connection) = self.phase {
                connection.end(because: "no answer within \(self.settings.commandTimeout)")
            } else {
                self.setAlarm()
            }
        }
    }

    @discardableResult
    private func endWhenDrained() -> Bool {
        guard !drained.isEmpty, sent.isEmpty, outbox.withLock({ $0.waiting.isEmpty }) else { return false }
        retry?.cancel()
        let connection: RedisConnection? = if case .open(let connection) = phase { connection } else { nil }
        phase = .closed
        connection?.end(because: "the client is closed")
        for promise in drained { promise.succeed() }
        drained = []
        return true
    }
}
