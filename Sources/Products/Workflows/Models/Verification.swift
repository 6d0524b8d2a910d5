/// What came of having a second model answer the same question.
enum Verification: Sendable, Hashable {
    /// The answers are alike: the one with the higher confidence is taken.
    case consensus(similarity: Double)
    case disagreement(similarity: Double)
    /// One of the models has not answered.
    case incomplete
    /// The installation has one model.
    case unavailable

    /// The similarity above which answers agree.
    static let threshold = 0.7
    private static let factorOfDisagreement = 0.5

    /// - Parameters:
    ///   - answers: of the models that have answered, at least one.
    ///   - asked: the number of the models.
    init(of answers: [String], asked: Int) {
        if asked < 2 {
            self = .unavailable
        } else if answers.count < 2 {
            self = .incomplete
        } else {
            let similarity = TextSimilarity.of(answers[0], answers[1])
            self =
                similarity > Self.threshold
                ? .consensus(similarity: similarity) : .disagreement(similarity: similarity)
        }
    }

    /// Whether a person decides about an answer in place of accepting it.
    var isRefuted: Bool {
        switch self {
        case .consensus, .unavailable: false
        case .disagreement, .incomplete: true
        }
    }

    /// The confidence of the result.
    /// - Parameter confidences: of the answers, at least one.
    func confidence(of confidences: [Double]) -> Double {
        let highest = confidences.max() ?? 0
        return isRefuted ? highest * Self.factorOfDisagreement : highest
    }

    var similarity: Double? {
        switch self {
        case .consensus(let similarity), .disagreement(let similarity): similarity
        case .incomplete, .unavailable: nil
        }
    }

    /// As in audit entries.
    var name: String {
        switch self {
        case .consensus: "consensus"
        case .disagreement: "no_consensus"
        case .incomplete: "incomplete"
        case .unavailable: "not_verified"
        }
    }

    /// A sentence for the audit trail, without words of the answers.
    var reason: String {
        switch self {
        case .consensus:
            "The similarity of the two answers is above \(Self.threshold): the one with the higher confidence is taken."
        case .disagreement:
            "The similarity of the two answers is not above \(Self.threshold): half of the higher confidence counts."
        case .incomplete: "One of the two models has not answered: half of the confidence of the other one counts."
        case .unavailable: "The installation has one model: no other one can answer."
        }
    }
}
