/// How sure a result is, from 0 to 1.
enum Confidence {
    /// Of what fixed rules, and not a model, have decided.
    static let ofRules = 0.85
    /// Another agent tries a step again whose result is below it.
    static let retryThreshold = 0.75
    private static let factorOfFailedTool = 0.8

    /// The mean of a decision's confidence and the share of tool calls that have succeeded, and less where a call has
    /// failed.
    /// - Parameters:
    ///   - decision: of the model or of the rules that have chosen the call.
    ///   - calls: 1 or more.
    static func ofStep(decision: Double, calls: Int, failures: Int) -> Double {
        let share = Double(calls - failures) / Double(max(1, calls))
        let mean = (min(max(decision, 0), 1) + share) / 2
        return failures > 0 ? mean * factorOfFailedTool : mean
    }
}
