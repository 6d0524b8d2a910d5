import GoalGraphs
import Modules

/// The budget of a submitted workflow, which the workflows within it share.
struct FamilyBudget: Sendable {
    let limit: MicroDollars
    /// On all attempts and plans.
    let spent: MicroDollars
    /// For steps that run and for plans that are being made.
    let reserved: MicroDollars

    /// - Parameter workflow: any of the family; the agents of its organisation are locked.
    init(of workflow: Workflow, in transaction: Transaction) throws {
        let root =
            workflow.depth == 0
            ? workflow : try transaction.workflow(workflow.root, of: workflow.organisation) ?? workflow
        limit = root.budget
        (spent, reserved) = try transaction.familyCosts(of: workflow.root, in: workflow.organisation)
    }

    /// - Parameter besideReserved: whether what is reserved may be spent as well.
    func allows(_ cost: MicroDollars, besideReserved: Bool) -> Bool {
        spent + (besideReserved ? reserved : .zero) + cost <= limit
    }
}
