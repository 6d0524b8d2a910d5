import Modules

/// How far the list of the provider's events has been read, which goes from the newest to the oldest.
struct ProviderPoll: Sendable {
    /// Lists may lag behind events.
    static let overlap = Duration.minutes(5)
    /// How far the first poll goes back: as long as the provider repeats webhooks.
    static let firstReach = Duration.days(3)

    /// All events up to then have been read.
    var newestAt: Instant
    /// The newest event of a list that is being read.
    var pendingAt: Instant
    /// The id at which the list goes on; nil where it is read.
    var pageAfter: String?

    /// The oldest event to be read.
    var from: Instant { newestAt - Self.overlap }

    /// - Parameters:
    ///   - newest: the time of the newest event of a page; nil for an empty one.
    ///   - last: the id of its oldest event; nil where the list ends with it.
    mutating func read(newest: Instant?, last: String?) {
        pendingAt = max(pendingAt, newest ?? pendingAt)
        pageAfter = last
        if last == nil { newestAt = pendingAt }
    }
}
