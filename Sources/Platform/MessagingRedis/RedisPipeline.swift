import NIOCore
import Synchronization

/// The commands of one event loop, pipelined over one connection: callers on any thread append to one buffer, which the
/// event loop writes at once.
///
/// `@unchecked Sendable` is sound because what is neither behind the lock nor atomic is accessed on the event loop
/// alone.
final class RedisPipeline: @unchecked Sendable {
    /// A command without a reply.
    private struct PendingCommand {
        let caller: CheckedContinuation<Result<RESPValue, RedisError>, Never>
        let size: Int
        let deadline: NIODeadline
    }

    private struct WriteBuffer {
        var bytes = ByteBuffer()
        var commands: [PendingCommand] = []
        /// A flush is scheduled on the event loop.
        var isScheduled = false
        var isClosed = false
        /// Enqueued commands without a reply, sent ones included.
        var pendingCount = 0
        /// Their bytes.
        var pendingBytes = 0
    }

    private enum Phase {
        /// No command was sent yet.
        case idle
        /// The first attempt since the start or since a working connection: commands wait for it.
        case connecting
        case open(RedisConnection)
        /// An attempt failed, for this reason: commands fail at once until the next one succeeds.
        case disconnected(String)
        case closed
    }

    let loop: any EventLoop
    private let settings: RedisSettings
    private let writeBuffer = Mutex(WriteBuffer())
    private let connected = Atomic(false)
    private var phase = Phase.idle
    private var sent = CircularBuffer<PendingCommand>()
    private var failures = 0
    private var timeout: Scheduled<Void>?
    private var retry: Scheduled<Void>?
    private var drained: [EventLoopPromise<Void>] = []
    private var replied = (commands: 0, size: 0)

    init(_ settings: RedisSettings, on loop: any EventLoop) {
        self.settings = settings
        self.loop = loop
    }

    var isConnected: Bool { connected.load(ordering: .relaxed) }

    // MARK: From any thread

    func send(_ command: RedisCommand) async -> Result<RESPValue, RedisError> {
        let size = command.wireSize
        return await withCheckedContinuation { caller in
            let refusal = writeBuffer.withLock { writeBuffer -> Result<Bool, RedisError> in
                if writeBuffer.isClosed { return .failure(.closed) }
                guard writeBuffer.pendingCount < settings.pendingCommandsMax,
                    writeBuffer.pendingBytes + size <= settings.pendingBytesMax
                else { return .failure(.overloaded) }
                command.write(to: &writeBuffer.bytes)
                writeBuffer.commands.append(
                    PendingCommand(caller: caller, size: size, deadline: .now() + TimeAmount(settings.commandTimeout)))
                writeBuffer.pendingCount += 1
                writeBuffer.pendingBytes += size
                defer { writeBuffer.isScheduled = true }
                return .success(!writeBuffer.isScheduled)
            }
            switch refusal {
            case .failure(let error): caller.resume(returning: .failure(error))
            case .success(true): loop.execute { self.flush() }
            case .success(false): break
            }
        }
    }

    /// Refuses further commands, waits for the replies of sent ones, no longer than the command timeout, and closes.
    func close() async {
        writeBuffer.withLock { $0.isClosed = true }
        let done = loop.makePromise(of: Void.self)
        loop.execute {
            self.flush()
            self.drained.append(done)
            self.endWhenDrained()
        }
        try? await done.futureResult.get()
    }

    // MARK: On the event loop

    private func flush() {
        switch phase {
        case .idle:
            guard writeBuffer.withLock({ !$0.commands.isEmpty }) else { return }
            // The commands stay in the buffer, which stays marked as scheduled, until the attempt has an outcome.
            phase = .connecting
            connect()
        case .connecting: break
        case .open(let connection):
            let (bytes, commands) = takeWriteBuffer()
            guard !commands.isEmpty else { return }
            sent.append(contentsOf: commands)
            connection.send(bytes)
            scheduleTimeout()
        case .disconnected(let reason): fail(takeWriteBuffer().commands, .notConnected(reason))
        case .closed: fail(takeWriteBuffer().commands, .closed)
        }
    }

    private func takeWriteBuffer() -> (bytes: ByteBuffer, commands: [PendingCommand]) {
        writeBuffer.withLock { writeBuffer in
            defer {
                writeBuffer.bytes = ByteBuffer()
                writeBuffer.commands = []
                writeBuffer.isScheduled = false
            }
            return (writeBuffer.bytes, writeBuffer.commands)
        }
    }

    private func connect() {
        RedisConnection.open(settings, on: loop).whenComplete { outcome in
            switch outcome {
            case .success(let connection): self.opened(connection)
            case .failure(let error): self.connectFailed("\((error as? RedisError).map(Self.reason) ?? "\(error)")")
            }
        }
    }

    private static func reason(of error: RedisError) -> String {
        if case .notConnected(let reason) = error { reason } else { error.description }
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

    private func connectFailed(_ reason: String) {
        if case .closed = phase { return }
        failures += 1
        phase = .disconnected(reason)
        fail(takeWriteBuffer().commands, .notConnected(reason))
        guard !endWhenDrained() else { return }
        var generator = SystemRandomNumberGenerator()
        retry = loop.scheduleTask(in: TimeAmount(settings.backoff.delay(after: failures, using: &generator))) {
            self.connect()
        }
    }

    private func received(_ value: RESPValue) {
        guard let command = sent.popFirst() else {
            if case .open(let connection) = phase { connection.end(because: "the server sent an unsolicited reply") }
            return
        }
        replied.commands += 1
        replied.size += command.size
        command.caller.resume(returning: .success(value))
    }

    /// Frees the capacity of the commands that were replied.
    private func settle() {
        if replied.commands > 0 {
            writeBuffer.withLock { writeBuffer in
                writeBuffer.pendingCount -= replied.commands
                writeBuffer.pendingBytes -= replied.size
            }
            replied = (0, 0)
        }
        endWhenDrained()
    }

    private func ended(_ reason: String) {
        connected.store(false, ordering: .relaxed)
        timeout?.cancel()
        timeout = nil
        let unanswered = Array(sent)
        sent.removeAll(keepingCapacity: true)
        settle()
        fail(unanswered, .unknownOutcome(reason))
        if case .closed = phase { return }
        // The server may have been restarted: one immediate attempt, for which new commands wait.
        phase = .connecting
        connect()
    }

    private func fail(_ commands: [PendingCommand], _ error: RedisError) {
        guard !commands.isEmpty else { return }
        writeBuffer.withLock { writeBuffer in
            writeBuffer.pendingCount -= commands.count
            writeBuffer.pendingBytes -= commands.reduce(0) { $0 + $1.size }
        }
        for command in commands { command.caller.resume(returning: .failure(error)) }
    }

    /// Replies arrive in the order of the commands, so one timeout for the oldest is enough.
    private func scheduleTimeout() {
        guard timeout == nil, let oldest = sent.first else { return }
        timeout = loop.scheduleTask(deadline: oldest.deadline) {
            self.timeout = nil
            if let oldest = self.sent.first, oldest.deadline <= .now(), case .open(let connection) = self.phase {
                connection.end(because: "no reply within \(self.settings.commandTimeout)")
            } else {
                self.scheduleTimeout()
            }
        }
    }

    @discardableResult
    private func endWhenDrained() -> Bool {
        guard !drained.isEmpty, sent.isEmpty, writeBuffer.withLock({ $0.commands.isEmpty }) else { return false }
        retry?.cancel()
        let connection: RedisConnection? = if case .open(let connection) = phase { connection } else { nil }
        phase = .closed
        connection?.end(because: "the client is closed")
        for promise in drained { promise.succeed() }
        drained = []
        return true
    }
}
