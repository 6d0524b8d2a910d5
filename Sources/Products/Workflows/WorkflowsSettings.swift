package import GoalGraphs
package import Models
package import Modules

/// The settings of workflows.
package struct WorkflowsSettings: Sendable {
    /// The largest budget of one workflow, with the workflows within it.
    package var budgetMax: MicroDollars
    /// The language models, with distinct names; the first one is asked first where they are equally reliable.
    package var models: [ModelSettings]
    /// By the names of models; other models have the built-in prices.
    package var modelPrices: [String: ModelPrice]
    /// Of one call of a model, with the attempts at it.
    package var modelTimeout: Duration
    /// Traces the requests to the services of models; nil for none.
    package var tracer: OTLPTracer?

    package init(
        budgetMax: MicroDollars = MicroDollars(10_000_000), models: [ModelSettings] = [],
        modelPrices: [String: ModelPrice] = [:], modelTimeout: Duration = .seconds(60)
    ) {
        self.budgetMax = budgetMax
        self.models = models
        self.modelPrices = modelPrices
        self.modelTimeout = modelTimeout
    }
}
