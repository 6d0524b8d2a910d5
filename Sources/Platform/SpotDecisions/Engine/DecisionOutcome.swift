/// A decision with its reasons.
package struct DecisionOutcome: Sendable {
    package let decision: Decision
    /// One or two sentences.
    package let reason: String
    /// Of the current pool, or where there is none, of the selected one.
    package let crashProbability: Double?
    package let signal: InterruptionSignal
    /// The pool to be in: for STAY the current one, for SWITCH the one to move to; nil where there is none.
    package let selected: Candidate?
    /// How many candidates entered the first stage.
    package let candidatesEvaluated: Int
    /// The candidates that remained, the best one first.
    package let ranking: [Candidate]
    /// Millionths of a US dollar that an hour in the selected pool, else in the current one, saves against the price
    /// on demand. 0 where the decision is UNKNOWN.
    package let projectedHourlySavings: Int64
    package let source: DataSource
    package let trace: [TraceEntry]
}
