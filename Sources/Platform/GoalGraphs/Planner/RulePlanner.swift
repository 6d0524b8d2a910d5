/// Plans sentences of documented forms, without a language model.
///
/// A sentence is planned as a whole or refused: what is not understood is never left out. Planning takes time
/// proportional to the length of the sentence.
package struct RulePlanner: Sendable {
    /// Of recurring times without a zone.
    private let timeZone: String
    private let bytesMax: Int

    /// Longer ones are refused unread.
    package static let bytesMax = 10_000
    static let stepsMax = 50

    /// - Parameter timeZone: an IANA identifier: the zone of the user.
    package init(timeZone: String = "UTC") { self.init(timeZone: timeZone, bytesMax: Self.bytesMax) }

    /// - Parameter bytesMax: of sentences, for tests of long ones.
    package init(timeZone: String = "UTC", bytesMax: Int) {
        self.timeZone = timeZone
        self.bytesMax = bytesMax
    }

    /// Every form, those of steps before those of times.
    package static let forms =
        Skills.forms.map(\.form) + Recurrence.all.map(\.form) + [Recurrence.zone]

    /// - Returns: a graph with a trigger where the sentence names recurring times. It is valid unless the limits of
    ///   the plan are less than it needs.
    package func plan(_ sentence: String) throws(PlanRefusal) -> GoalGraph {
        guard sentence.utf8.count <= bytesMax else {
            throw PlanRefusal(
                reason: "The sentence has \(sentence.utf8.count) bytes; at most \(bytesMax) are accepted.")
        }
        return try SentenceParser.graph(sentence, timeZone: timeZone, isNested: false)
    }
}
