import NIOCore
import Synchronization

/// The bytes of a streamed answer on their way from its turn to its client. A turn waits while its client has not read
/// many of them, and reads no further from the service meanwhile.
final class TurnChunks: Sendable {
    private struct State {
        /// What the client has not taken.
        var unread = ByteBuffer()
        var isFinished = false
        var reader: UnsafeContinuation<ByteBuffer?, Never>?
        var writers: [Int: UnsafeContinuation<Void, Never>] = [:]
        var writes = 0

        /// Takes what waits for the reader; nil at the end.
        mutating func take() -> ByteBuffer? {
            defer { unread = ByteBuffer() }
            return unread.readableBytes > 0 ? unread : nil
        }

        /// - Returns: the writers, which have room now.
        mutating func takeWriters() -> [UnsafeContinuation<Void, Never>] {
            defer { writers = [:] }
            return Array(writers.values)
        }
    }

    /// A turn waits behind this many unread bytes.
    static let unreadMax = 64 << 10

    private let state = Mutex(State())

    /// Appends bytes without waiting, such as the end of an answer.
    func append(_ bytes: ByteBuffer) {
        let waiting = state.withLock { state -> (reader: UnsafeContinuation<ByteBuffer?, Never>, chunk: ByteBuffer?)? in
            // Nearly always the client has taken what came before.
            if state.unread.readableBytes == 0 {
                state.unread = bytes
            } else {
                state.unread.writeImmutableBuffer(bytes)
            }
            guard let reader = state.reader, let chunk = state.take() else { return nil }
            state.reader = nil
            return (reader, chunk)
        }
        waiting?.reader.resume(returning: waiting?.chunk)
    }

    /// Appends bytes that nothing waits for where others are unread.
    func appendIfIdle(_ bytes: ByteBuffer) {
        if state.withLock({ $0.unread.readableBytes == 0 && !$0.isFinished }) { append(bytes) }
    }

    /// Returns once the client has read what is more than ``unreadMax``, the chunks have ended, or the task is
    /// cancelled.
    func waitForRoom() async {
        let number: Int? = state.withLock { state in
            guard state.unread.readableBytes > Self.unreadMax, !state.isFinished else { return nil }
            state.writes += 1
            return state.writes
        }
        guard let number else { return }
        await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                let isOver = state.withLock { state in
                    guard state.unread.readableBytes > Self.unreadMax, !state.isFinished, !Task.isCancelled else {
                        return true
                    }
                    state.writers[number] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.writers.removeValue(forKey: number) }?.resume()
        }
    }

    /// What is unread, or what arrives next.
    /// - Returns: nil at the end, and where the task is cancelled.
    func next() async -> ByteBuffer? {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<ByteBuffer?, Never>) in
                typealias Step = (isOver: Bool, chunk: ByteBuffer?, writers: [UnsafeContinuation<Void, Never>])
                let (isOver, chunk, writers) = state.withLock { state -> Step in
                    let writers = state.takeWriters()
                    if let chunk = state.take() { return (true, chunk, writers) }
                    if state.isFinished || Task.isCancelled { return (true, nil, writers) }
                    state.reader = continuation
                    return (false, nil, writers)
                }
                for writer in writers { writer.resume() }
                if isOver { continuation.resume(returning: chunk) }
            }
        } onCancel: {
            takeReader()?.resume(returning: nil)
        }
    }

    /// No bytes follow.
    /// - Returns: false where they had ended before.
    @discardableResult
    func finish() -> Bool {
        let (wasOpen, reader, writers) = state.withLock { state in
            defer { (state.isFinished, state.reader) = (true, nil) }
            return (!state.isFinished, state.reader, state.takeWriters())
        }
        reader?.resume(returning: nil)
        for writer in writers { writer.resume() }
        return wasOpen
    }

    private func takeReader() -> UnsafeContinuation<ByteBuffer?, Never>? {
        state.withLock { state in
            defer { state.reader = nil }
            return state.reader
        }
    }
}
