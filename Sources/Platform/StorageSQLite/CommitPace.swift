/// How long a group of writes runs before its commit, derived from how long commits take on this disk. A pure value.
struct CommitPace: Sendable {
    /// The first caller of a group waits for all of it, so the upper bound holds on every disk.
    static let bounds = Duration.milliseconds(2)...Duration.milliseconds(20)
    /// Four parts of work for one part of commit: a longer group would gain at most the fifth that is left.
    static let workPerCommit = 4

    /// An exponential moving average with weight 1/4, so that a single slow commit changes it little.
    private var commitTime = Duration.zero

    var workTime: Duration { min(max(Self.bounds.lowerBound, commitTime * Self.workPerCommit), Self.bounds.upperBound) }

    mutating func note(commit time: Duration) { commitTime = (commitTime * 3 + time) / 4 }
}
