package import Base

/// Why an answer of a model, or JSON of a client, is not a goal graph.
package struct GoalGraphAnswerFault: Error, Hashable, CustomStringConvertible {
    /// At least one; by RFC 6901 pointers into the answer.
    package let faults: [Problem.Fault]

    /// Of a request for a corrected answer.
    private static let shownMax = 20

    /// Sentences for the model, such as `/nodes/0/tool is missing.`
    package var description: String {
        let shown = faults.prefix(Self.shownMax).map {
            "\($0.pointer.isEmpty ? "The answer" : $0.pointer) \($0.detail)."
        }
        let more = faults.count > Self.shownMax ? ["There are \(faults.count - Self.shownMax) more faults."] : []
        return (shown + more).joined(separator: " ")
    }
}
