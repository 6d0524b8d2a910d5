import Identity
import Modules
import Synchronization

/// The topics that have readers in this process. It learns what this process appends after the commit, and from signals
/// that topics of other processes have moved. The database has every message: a lost signal delays readers by
/// ``RealtimeRefresher/interval``.
final class TopicHub: Sendable {
    fileprivate struct State {
        var feeds: [Topic: TopicFeed] = [:]
        /// The callers of the readers, each with the number of its readers.
        var callers: [TopicCaller: Int] = [:]
        var isStopping = false
        var subscription: DatabaseSubscription?
        /// Sends a signal in place of the database.
        var transport: (@Sendable (String) -> Void)?
    }

    /// Signals between processes, in one line.
    private enum Signal {
        static let moved = "topic-moved"
        static let removed = "topic-removed"
    }

    /// Messages that are read from storage at once.
    static let pageMax = 128

    private let database: any Database
    /// Readers of one caller, and readers of one topic without a caller, in this process.
    private let readersMax: Int
    private let logger: Logger
    private let state = Mutex(State())

    init(database: any Database, readersMax: Int, logger: Logger) {
        self.database = database
        self.readersMax = readersMax
        self.logger = logger
    }

    // MARK: Readers

    /// - Throws: `overloaded` while the process is stopping; `too-many-subscriptions`.
    func join(_ topic: Topic, scope: Scope?) throws(Problem) -> TopicReader {
        try state.withLock { state throws(Problem) -> TopicReader in
            guard !state.isStopping else {
                throw Problem.overloaded(retryAfter: 1, detail: "The server is stopping. Connect again.")
            }
            let feed = state.feeds[topic] ?? TopicFeed(topic)
            let caller = scope.map { TopicCaller($0) }
            let count = caller.map { state.callers[$0] ?? 0 } ?? feed.readers.count { $0.caller == nil }
            guard count < readersMax else {
                throw Problem(
                    .tooManySubscriptions,
                    detail: "At most \(readersMax) are open at once\(caller == nil ? " for this topic" : "").")
            }
            state.feeds[topic] = feed
            let reader = TopicReader(feed: feed, caller: caller.map { state.enter($0) })
            feed.add(reader)
            return reader
        }
    }

    func leave(_ reader: TopicReader) {
        reader.finish(.disconnected)
        state.withLock { state in
            if !reader.feed.remove(reader), state.feeds[reader.feed.topic] === reader.feed {
                state.feeds[reader.feed.topic] = nil
            }
            if let caller = reader.caller { state.leave(caller) }
        }
    }

    /// Every reader of this process.
    var readers: [TopicReader] { feeds.flatMap(\.readers) }
    /// Whose access decides about readers of this process.
    var callers: [TopicCaller] { state.withLock { Array($0.callers.keys) } }

    /// The topics that have readers of callers in this process, each with every such caller once.
    var callersOfTopics: [(topic: Topic, caller: TopicCaller)] {
        feeds.flatMap { feed in Set(feed.readers.compactMap(\.caller)).map { (feed.topic, $0) } }
    }

    /// Ends the readers of a caller in one topic.
    func finish(_ caller: TopicCaller, in topic: Topic, _ end: SubscriptionEnd) {
        for reader in feed(of: topic)?.readers ?? [] where reader.caller == caller { reader.finish(end) }
    }

    /// Ends the readers of some callers.
    func finish(_ callers: Set<TopicCaller>, _ end: SubscriptionEnd) {
        for reader in readers where reader.caller.map(callers.contains) ?? false { reader.finish(end) }
    }

    private var feeds: [TopicFeed] { state.withLock { Array($0.feeds.values) } }
    private func feed(of topic: Topic) -> TopicFeed? { state.withLock { $0.feeds[topic] } }

    /// Ends every subscription, and refuses new ones.
    func stop() {
        state.withLock { $0.isStopping = true }
        for reader in readers { reader.finish(.stopping) }
    }

    // MARK: Messages

    /// Publishes messages once `transaction` has committed.
    /// - Parameter previous: the sequence number before the first of them.
    func appended(
        _ messages: [NewMessage], to topic: Topic, after previous: Int64, in transaction: Transaction
    ) {
        let now = transaction.now
        transaction.afterCommit { [self] in
            // Most topics have no reader here.
            guard let feed = feed(of: topic) else { return }
            let published = messages.enumerated().map { index, message in
                Message(previous + 1 + Int64(index), of: topic.name, type: message.type, time: now, data: message.data)
            }
            if !feed.publish(published) { moved(topic) }
        }
        signal(Signal.moved, topic, in: transaction)
    }

    func removed(_ topic: Topic, in transaction: Transaction) {
        transaction.afterCommit { [self] in end(topic) }
        signal(Signal.removed, topic, in: transaction)
    }

    /// - Returns: messages after `sequence`, and the last sequence number; nil for a topic that was removed.
    func page(of topic: Topic, after sequence: Int64) async throws(Problem) -> (messages: [Message], head: Int64)? {
        try await database.read { transaction in
            guard let head = try transaction.head(of: topic) else { return nil }
            return (try transaction.messages(of: topic, after: sequence, limit: Self.pageMax), head)
        }
    }

    /// As ``page(of:after:)``, once for all readers that ask for the same page while it is read: after a restart they
    /// resume together, most of them behind the same message.
    func sharedPage(of feed: TopicFeed, after sequence: Int64) async throws(Problem) -> (
        messages: [Message], head: Int64
    )? {
        let reading = feed.reading(after: sequence) {
            Task { [self] in
                defer { feed.endReading(after: sequence) }
                do throws(Problem) { return .success(try await page(of: feed.topic, after: sequence)) } catch {
                    return .failure(error)
                }
            }
        }
        return try await reading.value.get()
    }

    /// Finds the topics that have moved without a signal, and those that were removed.
    func synchronize() async throws(Problem) {
        let feeds = feeds
        for start in stride(from: 0, to: feeds.count, by: Self.headsMax) {
            let some = feeds[start..<min(start + Self.headsMax, feeds.count)]
            let known = some.compactMap { feed in feed.head.map { (topic: feed.topic, head: $0) } }
            let heads = try await database.read { try $0.heads(of: known.map(\.topic)) }
            for (topic, before) in known {
                // A topic without a row exists where it had none before either.
                let head = heads[topic] ?? 0
                if head < before { end(topic) }
                if head > before { moved(topic) }
            }
        }
    }

    /// Topics of one statement.
    private static let headsMax = 100

    private func end(_ topic: Topic) {
        for reader in feed(of: topic)?.readers ?? [] { reader.finish(.topicRemoved) }
    }

    /// Loads what is missing in memory, such as the messages of another process, once for all readers.
    func moved(_ topic: Topic) {
        guard let feed = feed(of: topic), feed.beginLoading() else { return }
        Task {
            repeat {
                do { try await load(feed) } catch {
                    logger.warning("a topic could not be read; trying again", metadata: ["cause": "\(error)"])
                }
            } while feed.endLoading()
        }
    }

    private func load(_ feed: TopicFeed) async throws(Problem) {
        for _ in 0..<(TopicFeed.messagesMax / Self.pageMax) {
            guard let head = feed.head, let page = try await page(of: feed.topic, after: head) else { return }
            _ = feed.publish(page.messages)
            if page.messages.count < Self.pageMax { return feed.raise(to: page.head) }
        }
        // More has been appended than memory holds.
        if let head = try await database.read({ try $0.head(of: feed.topic) }) { feed.raise(to: head) }
    }

    // MARK: Signals between processes

    /// Exchanges signals with the other processes on the database until it closes. Further calls have no effect.
    func connect() {
        state.withLock { state in
            guard state.subscription == nil else { return }
            state.subscription = database.subscribe { [self] notification in
                switch notification {
                case .message(let text): receive(text)
                case .missed: for feed in feeds { moved(feed.topic) }
                }
            }
        }
    }

    /// Sends signals by `transport` in place of the database.
    func send(by transport: @escaping @Sendable (String) -> Void) { state.withLock { $0.transport = transport } }

    /// Passes on the signal of another process. Other texts have no effect.
    func receive(_ text: String) {
        let words = text.split(separator: " ")
        guard words.count == 3, let name = TopicName(String(words[2])) else { return }
        let topic = Topic(name, of: ID(trusted: String(words[1])))
        switch words[0] {
        case Signal.moved: moved(topic)
        case Signal.removed: end(topic)
        default: break
        }
    }

    private func signal(_ signal: String, _ topic: Topic, in transaction: Transaction) {
        let text = "\(signal) \(topic.organisation) \(topic.name)"
        guard let transport = state.withLock({ $0.transport }) else { return transaction.notifyOtherProcesses(text) }
        transaction.afterCommit { transport(text) }
    }
}

extension TopicHub.State {
    /// - Returns: the caller that the readers of one client share.
    fileprivate mutating func enter(_ caller: TopicCaller) -> TopicCaller {
        guard let index = callers.index(forKey: caller) else {
            callers[caller] = 1
            return caller
        }
        callers.values[index] += 1
        return callers.keys[index]
    }

    /// Removes a caller with its last reader.
    fileprivate mutating func leave(_ caller: TopicCaller) {
        guard let count = callers[caller] else { return }
        callers[caller] = count > 1 ? count - 1 : nil
    }
}
