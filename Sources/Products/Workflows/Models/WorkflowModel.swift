import GoalGraphs
import Models

/// A language model that workflows ask.
struct WorkflowModel: Sendable {
    /// At its service; distinct among the models of an installation.
    let name: String
    let client: any ModelClient
    /// Nil where it is not known: a call then costs ``usualCost``.
    let price: ModelPrice?

    static let usualCost = Tool.modelAnswer.usualCost

    /// - Parameter usage: nil where the service does not tell.
    func cost(of usage: ModelUsage?) -> MicroDollars {
        if let usage, let price { price.cost(of: usage) } else { Self.usualCost }
    }
}
