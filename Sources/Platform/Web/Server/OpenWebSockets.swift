import NIOCore
import Synchronization

/// The open WebSockets that no task serves: a server that stops waits for their end.
final class OpenWebSockets: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isAborted = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.channels.count } }

    /// Has a WebSocket until its connection is closed.
    func add(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let isAborted = state.withLock { state in
            state.channels[id] = channel
            return state.isAborted
        }
        channel.closeFuture.whenComplete { _ in self.remove(id) }
        if isAborted { channel.close(promise: nil) }
    }

    private func remove(_ id: ObjectIdentifier) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.channels[id] = nil
            guard state.channels.isEmpty else { return [] }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Closes the connections of all, and of those that are added later.
    func abort() {
        let channels = state.withLock { state in
            state.isAborted = true
            return Array(state.channels.values)
        }
        for channel in channels { channel.close(promise: nil) }
    }

    /// Returns once there is none.
    func waitForEnd() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                if !state.channels.isEmpty { state.waiters.append(continuation) }
                return state.channels.isEmpty
            }
            if isEmpty { continuation.resume() }
        }
    }
}
