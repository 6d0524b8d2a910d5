import Glibc
import Synchronization

/// The standard input of a command that is talked to while it runs, and what its thread is asked for meanwhile. A socket,
/// because writing to a pipe whose reader has ended raises SIGPIPE.
final class InteractiveInput: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        var isClosed = false
        /// The command no longer reads, or has ended.
        var isBroken = false
    }

    /// Bytes that wait until the command reads.
    private static let waitingMax = 8 << 20
    private static let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)

    private let near: OwnedDescriptor
    private let wakeReader: OwnedDescriptor
    private let wakeWriter: OwnedDescriptor
    private let state = Mutex(State())

    /// - Returns: with the end that the command reads.
    static func make() throws(CommandSandboxError) -> (InteractiveInput, far: OwnedDescriptor) {
        let (near, far) = try pair()
        let (reader, writer) = try pair()
        return (InteractiveInput(near: near, wakeReader: reader, wakeWriter: writer), far)
    }

    private init(near: OwnedDescriptor, wakeReader: OwnedDescriptor, wakeWriter: OwnedDescriptor) {
        self.near = near
        self.wakeReader = wakeReader
        self.wakeWriter = wakeWriter
    }

    private static func pair() throws(CommandSandboxError) -> (OwnedDescriptor, OwnedDescriptor) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw .system(call: "socketpair", code: errno)
        }
        return (OwnedDescriptor(ends[0]), OwnedDescriptor(ends[1]))
    }

    // MARK: Of any thread

    /// Appends to what the command reads.
    /// - Returns: false where it does not read any more, or has not read what waits already.
    func write(_ bytes: [UInt8]) -> Bool {
        let isAccepted = state.withLock { state in
            guard !state.isClosed, !state.isBroken, state.waiting.count + bytes.count <= Self.waitingMax else {
                return false
            }
            state.waiting += bytes
            return true
        }
        if isAccepted { wake() }
        return isAccepted
    }

    /// The command reads the end of its input once it has read what waits.
    func close() {
        state.withLock { $0.isClosed = true }
        wake()
    }

    private func wake() {
        // A full buffer wakes as well.
        _ = send(wakeWriter.number, [UInt8(0)], 1, Self.flags)
    }

    // MARK: Of the thread of the command

    var isClosed: Bool { state.withLock(\.isClosed) }

    /// For `poll`: whether there is something to do, and whether the command reads.
    var pollEntries: [pollfd] {
        let isWaiting = state.withLock { !$0.waiting.isEmpty && !$0.isBroken }
        return [
            pollfd(fd: wakeReader.number, events: Int16(POLLIN), revents: 0),
            pollfd(fd: isWaiting ? near.number : -1, events: Int16(POLLOUT), revents: 0),
        ]
    }

    /// Writes what the command reads without waiting for it, and its end where that is all.
    func flush() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while recv(wakeReader.number, &bytes, bytes.count, Int32(MSG_DONTWAIT)) > 0 {}
        state.withLock { state in
            while !state.waiting.isEmpty, !state.isBroken {
                let count = send(
                    near.number, state.waiting, state.waiting.count,
                    Self.flags)
                if count < 0, errno == EINTR { continue }
                if count < 0, errno == EAGAIN { return }
                if count < 0 { state.isBroken = true } else { state.waiting.removeFirst(count) }
            }
            if state.isBroken { state.waiting = [] }
            if state.isClosed { shutdown(near.number, Int32(SHUT_WR)) }
        }
    }
}
