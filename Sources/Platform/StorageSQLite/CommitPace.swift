/// How much work goes before a commit, by how long commits take on this disk: where they are slow, more has to share each of them. A pure value.
struct CommitPace: Sendable {
    /// The first caller of a group waits for all of it, so no disk makes this longer than the upper bound.
    static let bounds = Duration.milliseconds(2)...Duration.milliseconds(20)
    /// Four parts of work for one of waiting: a longer group would gain at most the fifth that is left.
    static let workPerCommit = 4

    /// What a commit takes these days. A quarter of it is news, so that a single hiccup of the disk says little.
    private var commitTime = Duration.zero

    var workTime: Duration { min(max(Self.bounds.lowerBound, commitTime * Self.workPerCommit), Self.bounds.upperBound) }

    mutating func note(commit time: Duration) { commitTime = (commitTime * 3 + time) / 4 }
}
