import NIOCore

/// Where the end of a connection's pipeline and the connection's task hand parts to one another.
///
/// The pipeline is read on only while few parts wait here, and a writer waits until the socket has room: neither side
/// can fill the memory. What arrives in one read is handed over at its end, and what is answered to it right away
/// leaves in one write.
///
/// `@unchecked Sendable`: all that changes is touched on the event loop alone; who calls from elsewhere is brought
/// there first.
final class ConnectionBridge: @unchecked Sendable {
    struct ReadByTwo: Error {}

    /// What stands at the end of the pipeline: the guard, and once protocols are switched, ``WebSocketParts``.
    protocol PipelineEnd: AnyObject {
        func write(_ part: OutboundPart)
        func flush()
        /// Goes on reading after ``wantsMore`` was false.
        func readMore()
        /// Nothing more will be written.
        func finish()
    }

    private struct Reader {
        let number: Int
        let continuation: UnsafeContinuation<InboundPart?, any Error>
    }

    /// The pipeline is read on while fewer parts than this wait.
    private static let waitingMax = 16

    private let channel: any Channel
    private let executor: LoopExecutor
    /// Holds this exchange as well, until the connection is over.
    private var end: (any PipelineEnd)?

    private var waiting = CircularBuffer<InboundPart>(initialCapacity: 4)
    private var isInputOver = false
    private var isOutputOver = false
    private var isHeld = false

    private var reader: Reader?
    private var writers: [UnsafeContinuation<Void, Never>] = []
    private var readsSoFar = 0
    private var isInReadCycle = false
    private var owesFlush = false

    init(channel: any Channel, executor: LoopExecutor) {
        self.channel = channel
        self.executor = executor
    }
}

// MARK: - The pipeline's side

extension ConnectionBridge {
    /// Called by each end of the pipeline when it takes its place.
    func attach(_ end: any PipelineEnd) { self.end = end }

    /// Called by an end that goes; another may have taken its place.
    func detach(_ end: any PipelineEnd) { if self.end === end { self.end = nil } }

    /// Keeps a part until the end of this read.
    func arrived(_ part: InboundPart) { waiting.append(part) }

    /// The parts of one read are all there.
    func readIsComplete() {
        guard reader != nil, !waiting.isEmpty else { return }
        isInReadCycle = true
        executor.run { serveReader() }
        isInReadCycle = false
        flushIfOwed()
    }

    /// Whether the pipeline shall be read on; if not, ``PipelineEnd/readMore()`` will tell.
    func wantsMore() -> Bool {
        isHeld = waiting.count >= Self.waitingMax
        return !isHeld
    }

    /// No further part will arrive.
    func inputIsOver() {
        isInputOver = true
        executor.run { serveReader() }
    }

    func connectionIsOver() {
        isOutputOver = true
        executor.run {
            wakeWriters()
            isInputOver = true
            serveReader()
        }
        end = nil
    }

    /// The socket has room again.
    func hasRoom() { executor.run { wakeWriters() } }

    private func serveReader() {
        guard let reader, isInputOver || !waiting.isEmpty else { return }
        self.reader = nil
        reader.continuation.resume(returning: take())
    }

    private func wakeWriters() {
        let writers = self.writers
        self.writers = []
        for writer in writers { writer.resume() }
    }

    private func flushIfOwed() {
        guard owesFlush else { return }
        owesFlush = false
        end?.flush()
    }
}

// MARK: - The task's side

extension ConnectionBridge {
    /// - Returns: nil when no more will come.
    /// - Throws: ``ReadByTwo`` where somebody else is waiting for a part; `CancellationError`.
    func next() async throws -> InboundPart? {
        guard executor.loop.inEventLoop else {
            return try await withTaskExecutorPreference(executor) { try await self.next() }
        }
        if isInputOver || !waiting.isEmpty { return try await arrival() }
        let number = readsSoFar + 1
        return try await withTaskCancellationHandler {
            try await arrival()
        } onCancel: {
            executor.loop.execute { self.cancelReader(number) }
        }
    }

    /// As ``next()``, for the task of the connection itself: when that is cancelled the connection is closed, which
    /// ends the wait as well.
    func nextOfConnection() async throws -> InboundPart? {
        guard executor.loop.inEventLoop else { return try await next() }
        return try await arrival()
    }

    private func arrival() async throws -> InboundPart? {
        guard reader == nil else { throw ReadByTwo() }
        if isInputOver || !waiting.isEmpty { return take() }
        readsSoFar += 1
        return try await withUnsafeThrowingContinuation { reader = Reader(number: readsSoFar, continuation: $0) }
    }

    /// Returns once the part is handed to the socket's buffer, which takes no more than can be sent on soon.
    /// - Throws: when the connection is over; `CancellationError`.
    func write(_ part: OutboundPart) async throws {
        guard executor.loop.inEventLoop else {
            return try await withTaskExecutorPreference(executor) { try await self.write(part) }
        }
        // What a cancelled handler makes of it is no answer any more.
        try Task.checkCancellation()
        while !isOutputOver, !channel.isWritable {
            flushIfOwed()
            if channel.isWritable { break }
            await withTaskCancellationHandler {
                await withUnsafeContinuation { writers.append($0) }
            } onCancel: {
                executor.loop.execute { self.hasRoom() }
            }
            try Task.checkCancellation()
        }
        guard !isOutputOver, let end else { throw ChannelError.ioOnClosedChannel }
        end.write(part)
        if isInReadCycle { owesFlush = true } else { end.flush() }
    }

    /// Nothing more will be written; called on the loop.
    func finish() {
        guard !isOutputOver else { return }
        isOutputOver = true
        flushIfOwed()
        end?.finish()
    }

    /// Closes the connection in the middle of an answer, behind what was written of it; called on the loop.
    func breakOff() {
        flushIfOwed()
        channel.close(promise: nil)
    }

    private func take() -> InboundPart? {
        let part = waiting.popFirst()
        if isHeld, waiting.count < Self.waitingMax / 2 {
            isHeld = false
            end?.readMore()
        }
        return part
    }

    private func cancelReader(_ number: Int) {
        guard let reader, reader.number == number else { return }
        self.reader = nil
        executor.run { reader.continuation.resume(throwing: CancellationError()) }
    }
}
