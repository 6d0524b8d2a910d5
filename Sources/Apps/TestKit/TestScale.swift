import Foundation

/// The length of randomized tests: a tenth of the full length, or all of it for long runs.
package enum TestScale {
    /// The rounds of a randomized test that has `full` rounds in a long run.
    /// - Parameter full: at least 1.
    /// - Returns: `full` where the environment variable `GATEHOUSE_TEST_LONG` is `1`; otherwise a tenth of it, at least 1.
    package static func rounds(_ full: Int) -> Int {
        precondition(full > 0, "a test has at least one round")
        return isLong ? full : max(1, full / 10)
    }

    private static let isLong = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_LONG"] == "1"
}
