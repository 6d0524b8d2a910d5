import Modules

/// How far a model does its part, 0 to 1: it decides which of several models is asked first.
struct ModelReliability: Sendable, Hashable, Comparable {
    /// 0 to 100.
    let hundredths: Int64

    /// Of a model that was not asked yet.
    static let initial = ModelReliability(hundredths: maximum)
    static let maximum: Int64 = 100
    private static let gain: Int64 = 1
    private static let loss: Int64 = -5

    /// What an outcome adds, in hundredths.
    static func change(isSuccess: Bool) -> Int64 { isSuccess ? gain : loss }

    static func < (left: Self, right: Self) -> Bool { left.hundredths < right.hundredths }
}

/// The SQL of reliabilities, which are those of the installation, for all organisations.
extension Transaction {
    /// By the names of models; those that were never asked are left out.
    func reliabilities() throws -> [String: ModelReliability] {
        Dictionary(
            try all("SELECT name, reliability FROM workflow_models") {
                (try $0["name"] as String, ModelReliability(hundredths: try $0["reliability"]))
            }
        ) { $1 }
    }

    /// Moves reliabilities, in the order of the names: transactions of different organisations change the same rows.
    /// Those at the maximum stay without a write, which other organisations would wait for.
    func record(_ outcomes: [ModelOutcome]) throws {
        guard !outcomes.isEmpty else { return }
        let known = try reliabilities()
        for outcome in outcomes.sorted(by: { $0.model < $1.model })
        where !outcome.isSuccess || known[outcome.model]?.hundredths != ModelReliability.maximum {
            let change = ModelReliability.change(isSuccess: outcome.isSuccess)
            let first = min(ModelReliability.maximum, ModelReliability.initial.hundredths + change)
            try execute(
                """
                INSERT INTO workflow_models (name, reliability) VALUES (\(outcome.model), \(first))
                ON CONFLICT (name) DO UPDATE SET
                    reliability = CASE
                        WHEN workflow_models.reliability + \(change) > \(ModelReliability.maximum)
                            THEN \(ModelReliability.maximum)
                        WHEN workflow_models.reliability + \(change) < 0 THEN 0
                        ELSE workflow_models.reliability + \(change)
                    END
                """
            )
        }
    }
}
