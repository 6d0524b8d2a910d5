package import GoalGraphs
import Models

/// What the tokens of a model cost, those of a request and those of an answer alike.
package struct ModelPrice: Sendable, Hashable {
    package let perMillionTokens: MicroDollars

    package init(perMillionTokens: MicroDollars) { self.perMillionTokens = perMillionTokens }

    /// By a part of the names of models, in millionths of a US dollar.
    private static let known: [(part: String, micros: Int64)] = [
        ("gpt-4", 30_000_000), ("gpt-3.5", 2_000_000), ("opus", 15_000_000), ("sonnet", 3_000_000), ("haiku", 250_000),
    ]

    /// - Parameter model: its name at the service.
    /// - Returns: nil for a model whose price the server does not have.
    static func known(of model: String) -> ModelPrice? {
        known.first { model.lowercased().contains($0.part) }
            .map { ModelPrice(perMillionTokens: MicroDollars($0.micros)) }
    }

    /// Rounded up to a millionth of a dollar.
    func cost(of usage: ModelUsage) -> MicroDollars {
        // Counts come from the service: a floating-point number does not overflow.
        let tokens = Double(max(0, usage.input)) + Double(max(0, usage.output))
        let micros = (tokens * Double(perMillionTokens.micros) / 1e6).rounded(.up)
        return MicroDollars(Int64(min(max(0, micros), Self.microsMax)))
    }

    /// A thousand times the largest budget.
    private static let microsMax = 1e13
}
