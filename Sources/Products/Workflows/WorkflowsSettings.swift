package import GoalGraphs

/// The settings of workflows.
package struct WorkflowsSettings: Sendable {
    /// The largest budget of one workflow, with the workflows within it.
    package var budgetMax: MicroDollars

    package init(budgetMax: MicroDollars = MicroDollars(10_000_000)) { self.budgetMax = budgetMax }
}
