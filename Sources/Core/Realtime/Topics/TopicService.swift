import Identity
package import Modules
import Synchronization

/// Appends messages to topics, in the transaction that causes them.
package final class TopicService: Sendable {
    private let hub: TopicHub
    private let known = Mutex<[String: TopicFamily]>([:])

    init(hub: TopicHub) { self.hub = hub }

    /// Adds a family of topics, when the modules are wired.
    package func register(_ family: TopicFamily) {
        known.withLock { known in
            precondition(known[family.name] == nil, "two families of topics are named \(family.name)")
            known[family.name] = family
        }
    }

    /// The registered families, by their names.
    var families: [TopicFamily] { known.withLock { $0.values.sorted { $0.name < $1.name } } }

    func family(of name: TopicName) -> TopicFamily? { known.withLock { $0[name.family] } }

    /// Appends messages to one topic. They get the next sequence numbers, exist once `transaction` has committed, and
    /// reach the readers of this process at once.
    ///
    /// The topic stays locked until the transaction ends: it is written last, and several topics in one call.
    package func append(_ messages: NewMessage..., to topic: Topic, in transaction: Transaction) throws {
        try append([(topic, messages)], in: transaction)
    }

    /// As ``append(_:to:in:)``, for several topics, which are locked in the order of their names, so that transactions
    /// do not wait for each other in a circle.
    package func append(_ appends: [(topic: Topic, messages: [NewMessage])], in transaction: Transaction) throws {
        for (topic, messages) in appends.sorted(by: { $0.topic < $1.topic }) where !messages.isEmpty {
            guard let family = family(of: topic.name) else {
                preconditionFailure("no family of topics is registered for \(topic.name)")
            }
            let head = try transaction.advance(topic, by: Int64(messages.count))
            let previous = head - Int64(messages.count)
            for (index, message) in messages.enumerated() {
                try transaction.insert(message, as: previous + 1 + Int64(index), in: topic)
            }
            if let last = family.retention.deletedUpTo(head: head, previous: previous) {
                try transaction.deleteMessages(of: topic, upTo: last)
            }
            hub.appended(messages, to: topic, after: previous, in: transaction)
        }
    }

    /// Deletes a topic with its messages, such as that of a resource that is deleted. Its readers are disconnected.
    package func remove(_ topic: Topic, in transaction: Transaction) throws {
        try transaction.deleteTopic(topic)
        hub.removed(topic, in: transaction)
    }
}
