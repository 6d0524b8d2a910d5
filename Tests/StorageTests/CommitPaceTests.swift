import Testing

@testable import StorageSQLite

/// How long a group of writes gathers before its commit.
@Suite struct CommitPaceTests {
    private func pace(after commits: [Duration]) -> CommitPace {
        var pace = CommitPace()
        for commit in commits { pace.note(commit: commit) }
        return pace
    }

    @Test func `on a fast disk, and before the first commit, a group gathers for the lower bound`() {
        #expect(CommitPace().workTime == CommitPace.bounds.lowerBound)
        #expect(pace(after: Array(repeating: .microseconds(100), count: 100)).workTime == CommitPace.bounds.lowerBound)
    }

    @Test func `on a slower disk a group gathers for four commits`() {
        let work = pace(after: Array(repeating: .milliseconds(3), count: 100)).workTime
        #expect(work > .microseconds(11_990) && work <= .milliseconds(12))
    }

    @Test func `no disk makes the first caller of a group wait longer than the upper bound`() {
        #expect(pace(after: [.seconds(30)]).workTime == CommitPace.bounds.upperBound)
    }

    @Test func `a single slow commit says little, and is forgotten`() {
        let usual = Array(repeating: Duration.microseconds(400), count: 20)
        #expect(pace(after: usual + [.milliseconds(4)]).workTime < .milliseconds(6))
        #expect(pace(after: usual + [.seconds(1)] + usual + usual).workTime == CommitPace.bounds.lowerBound)
    }
}
