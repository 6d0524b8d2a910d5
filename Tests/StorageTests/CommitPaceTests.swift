import Testing

@testable import StorageSQLite

/// How long a group of writes runs before its commit.
@Suite struct CommitPaceTests {
    private func pace(after commits: [Duration]) -> CommitPace {
        var pace = CommitPace()
        for commit in commits { pace.note(commit: commit) }
        return pace
    }

    @Test func `on a fast disk, and before the first commit, the work time is the lower bound`() {
        #expect(CommitPace().workTime == CommitPace.bounds.lowerBound)
        #expect(pace(after: Array(repeating: .microseconds(100), count: 100)).workTime == CommitPace.bounds.lowerBound)
    }

    @Test func `on a slower disk the work time is that of four commits`() {
        let work = pace(after: Array(repeating: .milliseconds(3), count: 100)).workTime
        #expect(work > .microseconds(11_990) && work <= .milliseconds(12))
    }

    @Test func `the work time does not exceed the upper bound`() {
        #expect(pace(after: [.seconds(30)]).workTime == CommitPace.bounds.upperBound)
    }

    @Test func `a single slow commit has little weight, which decays`() {
        let usual = Array(repeating: Duration.microseconds(400), count: 20)
        #expect(pace(after: usual + [.milliseconds(4)]).workTime < .milliseconds(6))
        #expect(pace(after: usual + [.seconds(1)] + usual + usual).workTime == CommitPace.bounds.lowerBound)
    }
}
