import NIOCore

/// The queue between the pipeline of a connection and the task that serves it, and the state that both share.
///
/// It bounds memory in both directions: the pipeline reads only while few parts are queued, and a writer waits until
/// the socket is writable. Parts of one read are delivered at its end, and responses to them leave in one write.
///
/// `@unchecked Sendable`: mutable state is accessed on the event loop only. The methods that may be called from
/// elsewhere hop to the loop first.
final class ConnectionBridge: @unchecked Sendable {
    struct ConcurrentReads: Error {}

    /// The last handler of the pipeline: ``HTTPConnectionHandler``, and after a protocol switch ``WebSocketHandler``.
    protocol PipelineEnd: AnyObject {
        func write(_ part: OutboundPart)
        func flush()
        /// Resumes reading after ``ConnectionBridge/shouldRead()`` returned false.
        func resumeReading()
        /// No part will be written after this.
        func finish()
    }

    private struct Reader {
        let number: Int
        /// Nil for a wait that has no time limit of its own.
        let since: NIODeadline?
        let continuation: UnsafeContinuation<InboundPart?, any Error>
    }

    /// The pipeline reads while fewer parts than this are queued.
    private static let queuedPartsMax = 16
    /// The pipeline reads while the queued parts of bodies have fewer bytes than this.
    private static let queuedBytesMax = 128 << 10

    let channel: any Channel
    let executor: LoopExecutor
    /// A reference cycle until the connection is closed.
    private var end: (any PipelineEnd)?

    /// Nil for a WebSocket until its first message.
    private var queue: CircularBuffer<InboundPart>? = CircularBuffer(initialCapacity: 4)
    private var queuedBytes = 0
    /// The client sends nothing more.
    private(set) var isInputClosed = false
    private var isOutputClosed = false
    private var isReadingPaused = false

    /// Called at the end of the input, and at that of the connection.
    private var inputObserver: (@Sendable () -> Void)?
    private var reader: Reader?
    private var writers: [UnsafeContinuation<Void, Never>] = []
    private var waits = 0
    private var isInReadCycle = false
    private var isFlushPending = false

    /// A graceful shutdown has begun: the next response is the last one of the connection.
    private(set) var isDraining = false

    /// Since when the reader of a body has been waiting for a part; nil while it is not.
    var bodyAwaitedSince: NIODeadline? { reader?.since }

    init(channel: any Channel, executor: LoopExecutor) {
        self.channel = channel
        self.executor = executor
    }
}

// MARK: - For the pipeline

extension ConnectionBridge {
    func attach(_ end: any PipelineEnd) { self.end = end }

    /// Gives back the space for parts of requests, the largest of which are heads: a WebSocket that waits for a message
    /// has nothing queued.
    func releaseQueue() { if !hasParts { queue = nil } }

    private var hasParts: Bool { queue.map { !$0.isEmpty } ?? false }

    /// Without effect where another handler is attached by now.
    func detach(_ end: any PipelineEnd) { if self.end === end { self.end = nil } }

    /// Queues a part until ``readCompleted()``.
    func receive(_ part: InboundPart) {
        if queue == nil { queue = CircularBuffer(initialCapacity: 1) }
        queue?.append(part)
        queuedBytes += part.bodyBytes
    }

    func readCompleted() {
        guard reader != nil, hasParts else { return }
        isInReadCycle = true
        executor.run { resumeReader() }
        isInReadCycle = false
        flushIfPending()
    }

    /// - Returns: false where enough parts are queued; ``PipelineEnd/resumeReading()`` is called later.
    func shouldRead() -> Bool {
        isReadingPaused = (queue?.count ?? 0) >= Self.queuedPartsMax || queuedBytes >= Self.queuedBytesMax
        return !isReadingPaused
    }

    func drain() { isDraining = true }

    func closeInput() {
        isInputClosed = true
        executor.run { resumeReader() }
        inputObserver?()
    }

    func connectionClosed() {
        isOutputClosed = true
        executor.run {
            resumeWriters()
            isInputClosed = true
            resumeReader()
        }
        inputObserver?()
        (end, inputObserver) = (nil, nil)
    }

    func becameWritable() { executor.run { resumeWriters() } }

    private func resumeReader() {
        guard let reader, isInputClosed || hasParts else { return }
        self.reader = nil
        reader.continuation.resume(returning: dequeue())
    }

    private func resumeWriters() {
        let writers = self.writers
        self.writers = []
        for writer in writers { writer.resume() }
    }

    private func flushIfPending() {
        guard isFlushPending else { return }
        isFlushPending = false
        end?.flush()
    }
}

// MARK: - For the task

extension ConnectionBridge {
    /// - Returns: nil at the end of the input.
    /// - Throws: ``ConcurrentReads`` where another task waits for a part; `CancellationError`.
    func next() async throws -> InboundPart? {
        guard executor.loop.inEventLoop else {
            return try await withTaskExecutorPreference(executor) { try await self.next() }
        }
        if isInputClosed || hasParts { return try await nextPart(isTimed: true) }
        let number = waits + 1
        return try await withTaskCancellationHandler {
            try await nextPart(isTimed: true)
        } onCancel: {
            executor.loop.execute { self.cancelReader(number) }
        }
    }

    /// The next part where it has arrived, so that the task of the connection need not suspend for it; nil where it has
    /// not, and outside of the event loop.
    func arrivedPart() -> InboundPart? {
        executor.loop.inEventLoop && reader == nil && hasParts ? dequeue() : nil
    }

    /// As ``next()``, for the task of the connection: its cancellation closes the connection, which ends the wait.
    func nextOfConnection() async throws -> InboundPart? {
        guard executor.loop.inEventLoop else { return try await next() }
        return try await nextPart(isTimed: false)
    }

    private func nextPart(isTimed: Bool) async throws -> InboundPart? {
        guard reader == nil else { throw ConcurrentReads() }
        if isInputClosed || hasParts { return dequeue() }
        waits += 1
        return try await withUnsafeThrowingContinuation {
            reader = Reader(number: waits, since: isTimed ? .now() : nil, continuation: $0)
        }
    }

    /// Observes the end of the input and of the connection, in place of an earlier observer. From any thread.
    /// - Parameter observer: called at once where the input has ended; nil ends the observation.
    func observeInput(_ observer: (@Sendable () -> Void)?) {
        guard executor.loop.inEventLoop else { return executor.loop.execute { self.observeInput(observer) } }
        inputObserver = isOutputClosed ? nil : observer
        if isInputClosed { observer?() }
    }

    /// Returns once the part is in the buffer of the socket, which is bounded.
    /// - Throws: `ChannelError.ioOnClosedChannel`; `CancellationError`.
    func write(_ part: OutboundPart) async throws {
        guard executor.loop.inEventLoop else {
            return try await withTaskExecutorPreference(executor) { try await self.write(part) }
        }
        // The response of a cancelled handler may be incomplete.
        try Task.checkCancellation()
        while !isOutputClosed, !channel.isWritable {
            flushIfPending()
            if channel.isWritable { break }
            await withTaskCancellationHandler {
                await withUnsafeContinuation { writers.append($0) }
            } onCancel: {
                executor.loop.execute { self.becameWritable() }
            }
            try Task.checkCancellation()
        }
        guard !isOutputClosed, let end else { throw ChannelError.ioOnClosedChannel }
        pass(part, to: end)
    }

    /// As ``write(_:)`` where that need not wait.
    /// - Returns: false where nothing is written: ``write(_:)`` has to wait, or throws.
    func writeWithoutWaiting(_ part: OutboundPart) -> Bool {
        guard executor.loop.inEventLoop, !isOutputClosed, channel.isWritable, !Task.isCancelled, let end else {
            return false
        }
        pass(part, to: end)
        return true
    }

    private func pass(_ part: OutboundPart, to end: any PipelineEnd) {
        end.write(part)
        if isInReadCycle { isFlushPending = true } else { end.flush() }
    }

    /// Ends the output after what is written. On the event loop only.
    func finish() {
        guard !isOutputClosed else { return }
        isOutputClosed = true
        flushIfPending()
        end?.finish()
    }

    /// Closes the connection in the middle of a response, after the part of it that is written. On the event loop only.
    func abort() {
        flushIfPending()
        channel.close(promise: nil)
    }

    /// Begins the closing handshake of a WebSocket. From any thread.
    func closeWebSocket(_ close: WebSocketClose) {
        // At once where possible: what the task does next, such as to return, may close it too.
        guard executor.loop.inEventLoop else { return executor.loop.execute { self.closeWebSocket(close) } }
        (end as? WebSocketHandler)?.close(close)
    }

    private func dequeue() -> InboundPart? {
        let part = queue?.popFirst()
        queuedBytes -= part?.bodyBytes ?? 0
        if isReadingPaused, (queue?.count ?? 0) < Self.queuedPartsMax / 2, queuedBytes < Self.queuedBytesMax / 2 {
            isReadingPaused = false
            end?.resumeReading()
        }
        return part
    }

    private func cancelReader(_ number: Int) {
        guard let reader, reader.number == number else { return }
        self.reader = nil
        executor.run { reader.continuation.resume(throwing: CancellationError()) }
    }
}
