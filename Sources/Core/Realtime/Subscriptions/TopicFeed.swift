import Modules
import NIOCore
import Synchronization

/// The newest messages of one topic that has readers in this process, and these readers.
///
/// The messages are the buffer of all of them: a reader is a position in it. One that is slower than the messages falls
/// behind its beginning and reads from storage until it has caught up.
final class TopicFeed: Sendable {
    fileprivate struct State {
        /// Consecutive messages, the last of which is number `head`.
        var messages: [Message] = []
        var bytes = 0
        /// The last sequence number that is known; nil until ``TopicFeed/begin(at:)``.
        var head: Int64?
        /// Messages were published before that.
        var hasMissed = false
        var readers: [ObjectIdentifier: TopicReader] = [:]
        /// A read of the storage is under way, and whether the topic has moved since it began.
        var isLoading = false
        var hasMoved = false
        /// The pages that are being read for readers, by the position before them.
        var pages: [Int64: Task<StoredPage, Never>] = [:]
    }

    /// A page of the storage; nil in place of the messages of a topic that was removed.
    typealias StoredPage = Result<(messages: [Message], head: Int64)?, Problem>

    /// What a reader finds behind its position.
    enum Slice {
        case messages(ArraySlice<Message>)
        /// The messages are in storage only; up to `head` at least.
        case stored(head: Int64)
        case nothing
    }

    /// Messages and bytes that are kept for the readers of one topic.
    static let messagesMax = 512
    static let bytesMax = 1 << 20
    /// Messages that a reader gets at once.
    static let sliceMax = 64

    let topic: Topic
    private let state = Mutex(State())

    init(_ topic: Topic) { self.topic = topic }

    var readers: [TopicReader] { state.withLock { Array($0.readers.values) } }
    var head: Int64? { state.withLock { $0.head } }

    func add(_ reader: TopicReader) { state.withLock { $0.readers[ObjectIdentifier(reader)] = reader } }

    /// - Returns: whether readers remain.
    func remove(_ reader: TopicReader) -> Bool {
        state.withLock { state in
            state.readers[ObjectIdentifier(reader)] = nil
            return !state.readers.isEmpty
        }
    }

    func messages(after position: Int64) -> Slice {
        state.withLock { state in
            guard let head = state.head, position < head else { return .nothing }
            let first = head - Int64(state.messages.count) + 1
            guard position + 1 >= first else { return .stored(head: head) }
            let index = Int(position + 1 - first)
            return .messages(state.messages[index..<min(index + Self.sliceMax, state.messages.count)])
        }
    }

    /// Sets the last sequence number that the first reader has found in storage.
    /// - Returns: whether later messages have to be loaded.
    func begin(at head: Int64) -> Bool {
        state.withLock { state in
            if let known = state.head { return head > known }
            state.head = head
            return state.hasMissed
        }
    }

    /// Adds committed messages, which may arrive twice, and wakes the readers.
    /// - Parameter messages: consecutive.
    /// - Returns: false where messages before them are missing, which then have to be loaded: the actions after two
    ///   commits may run in another order than the commits, and other processes append too.
    func publish(_ messages: [Message]) -> Bool {
        let readers = state.withLock { state -> [TopicReader]? in
            guard let head = state.head else {
                state.hasMissed = true
                return []
            }
            guard let first = messages.first?.sequence, first <= head + 1 else { return messages.isEmpty ? [] : nil }
            let new = messages.filter { $0.sequence > head }
            guard let last = new.last?.sequence else { return [] }
            state.messages += new
            state.bytes += new.reduce(0) { $0 + $1.json.readableBytes }
            state.head = last
            state.trim()
            return Array(state.readers.values)
        }
        guard let readers else { return false }
        for reader in readers { reader.signal() }
        return true
    }

    /// Notes that storage has messages up to `head`, without loading them: readers read from storage until they have
    /// caught up.
    func raise(to head: Int64) {
        let readers = state.withLock { state -> [TopicReader] in
            guard head > state.head ?? -1 else { return [] }
            (state.messages, state.bytes, state.head) = ([], 0, head)
            return Array(state.readers.values)
        }
        for reader in readers { reader.signal() }
    }

    /// The read of the page after `position` that is under way, or the one that `begin` begins.
    func reading(after position: Int64, begin: () -> Task<StoredPage, Never>) -> Task<StoredPage, Never> {
        state.withLock { state in
            if let task = state.pages[position] { return task }
            let task = begin()
            state.pages[position] = task
            return task
        }
    }

    func endReading(after position: Int64) { state.withLock { $0.pages[position] = nil } }

    /// - Returns: whether the caller has to load; otherwise the load that is under way is repeated.
    func beginLoading() -> Bool {
        state.withLock { state in
            state.hasMoved = state.isLoading
            defer { state.isLoading = true }
            return !state.isLoading
        }
    }

    /// - Returns: whether the topic has moved since the load began; the caller then loads again.
    func endLoading() -> Bool {
        state.withLock { state in
            defer { state.hasMoved = false }
            state.isLoading = state.hasMoved
            return state.hasMoved
        }
    }
}

extension TopicFeed.State {
    /// Drops the oldest messages beyond the bounds, but never the newest one. Some more are dropped, so that most
    /// appends move nothing.
    fileprivate mutating func trim() {
        guard messages.count > TopicFeed.messagesMax || bytes > TopicFeed.bytesMax else { return }
        var count = 0
        while count < messages.count - 1,
            messages.count - count > TopicFeed.messagesMax * 3 / 4 || bytes > TopicFeed.bytesMax * 3 / 4
        {
            bytes -= messages[count].json.readableBytes
            count += 1
        }
        messages.removeFirst(count)
    }
}
