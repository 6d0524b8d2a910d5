package import Modules

/// The messages of a topic behind one position, in their order, each once: from memory while the reader keeps up, from
/// storage while it does not. It ends with its last reference.
package final class Subscription: Sendable {
    private let hub: TopicHub
    private let reader: TopicReader

    init(_ reader: TopicReader, of hub: TopicHub) {
        self.reader = reader
        self.hub = hub
    }

    deinit { hub.leave(reader) }

    package var topic: Topic { reader.feed.topic }
    /// The last sequence number that was delivered, or behind which it began.
    package var position: Int64 { reader.position }
    /// Why it has ended; nil while it lasts.
    package var end: SubscriptionEnd? { reader.end }

    /// Ends it, also while a task waits for ``next(within:)``.
    package func finish(_ end: SubscriptionEnd = .disconnected) { reader.finish(end) }

    /// What ``arrived()`` finds.
    enum Arrival {
        /// Messages, at least one, as those of a WebSocket.
        case payloads([WebSocketPayload])
        /// The messages are in storage, from which ``next(within:)`` reads them.
        case stored
        case nothing
        /// The subscription has ended.
        case ended
    }

    /// Takes the messages that are in memory. It does not wait, and must not be called while ``next(within:)`` does.
    func arrived() -> Arrival {
        guard let position = reader.openPosition else { return .ended }
        switch reader.feed.messages(after: position) {
        case .messages(let messages):
            reader.position = messages.last?.sequence ?? position
            return .payloads(messages.map(\.payload))
        case .stored: return .stored
        case .nothing:
            reader.becomeLive()
            return .nothing
        }
    }

    /// Calls `function` once where ``arrived()`` may find something: at once, or at the next message or the end.
    func onArrival(_ function: @escaping @Sendable () -> Void) { reader.onSignal(function) }

    /// Waits for messages. One task at a time.
    /// - Parameter limit: how long to wait; nil waits until there are messages.
    /// - Returns: at least one delivery; none after `limit`; nil where the subscription has ended or the task is
    ///   cancelled.
    /// - Throws: `overloaded` and `internal-error` for a storage that cannot be read.
    package func next(within limit: Duration? = nil) async throws(Problem) -> [Delivery]? {
        let deadline = limit.map { ContinuousClock.now + $0 }
        while let position = reader.openPosition, !Task.isCancelled {
            switch reader.feed.messages(after: position) {
            case .messages(let messages):
                reader.position = messages.last?.sequence ?? position
                return messages.map { Delivery($0) }
            case .stored(let head):
                let deliveries = try await stored(after: position, head: head)
                if !deliveries.isEmpty { return deliveries }
            case .nothing:
                reader.becomeLive()
                guard let deadline else {
                    await reader.wait()
                    continue
                }
                let left = deadline - .now
                guard left > .zero else { return [] }
                await reader.wait(atMost: left)
            }
        }
        return nil
    }

    private func stored(after position: Int64, head: Int64) async throws(Problem) -> [Delivery] {
        let (name, isLag) = (topic.name, reader.beginLag())
        let page = try await hub.sharedPage(of: reader.feed, after: position)
        guard let page else {
            reader.finish(.topicRemoved)
            return []
        }
        var deliveries: [Delivery] = []
        let first = page.messages.first?.sequence ?? page.head + 1
        if isLag { deliveries.append(.lag(name, behind: page.head - position, next: first)) }
        if first > position + 1 { deliveries.append(.gap(name, missed: first - position - 1, next: first)) }
        deliveries += page.messages.map { Delivery($0) }
        reader.position = page.messages.last?.sequence ?? max(position, page.head)
        return deliveries
    }
}
