/// When a stream of many small chunks is read. Reading one chunk takes as long as reading a hundred that have arrived, and
/// so does passing it on: a stream of more than two hundred chunks a second is read thirty times a second.
struct ReadPace: Sendable {
    /// Between two readings of a fast stream.
    static let interval = Duration.milliseconds(30)
    /// A chunk of a fast stream is waited for no longer.
    private static let shortWait = Duration.milliseconds(5)
    /// After a shorter wait the chunk had arrived before.
    private static let noWait = Duration.microseconds(100)
    /// As many chunks that came after short waits make a fast stream. Its beginning is not delayed.
    private static let shortWaitsMin = 8
    /// In bytes. A stream of larger ones, such as a file, is read as it arrives.
    private static let smallChunkMax = 4_096

    private var shortWaits = 0
    /// Whether the next chunk is the first of those that have arrived in an interval.
    private var isFirst = false

    /// - Parameters:
    ///   - bytes: of a chunk that has arrived.
    ///   - wait: how long it was waited for.
    /// - Returns: whether the reader lets an ``interval`` pass before it uses the chunk, with those that arrive meanwhile.
    mutating func pauses(at bytes: Int, waitedFor wait: Duration) -> Bool {
        guard bytes <= Self.smallChunkMax else {
            self = ReadPace()
            return false
        }
        if isFirst {
            isFirst = false
            return false
        }
        guard wait > Self.noWait else { return false }
        shortWaits = wait < Self.shortWait ? min(shortWaits + 1, Self.shortWaitsMin) : 0
        isFirst = shortWaits == Self.shortWaitsMin
        return isFirst
    }
}
