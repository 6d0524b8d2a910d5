import Modules

/// Divides a budget by shares: the parts sum to the budget, to the minor unit.
struct BudgetSplit: Sendable {
    struct Share: Sendable, Hashable {
        let category: String
        /// Of all shares together.
        let weight: Int64
    }

    /// The split of the planner without a model, in percent.
    static let fallback = [
        Share(category: "venue", weight: 35), Share(category: "catering", weight: 25),
        Share(category: "entertainment", weight: 15), Share(category: "decor", weight: 10),
        Share(category: "platform", weight: 10), Share(category: "misc", weight: 5),
    ]

    /// The parts in the order of the shares. What rounding down leaves goes, a minor unit each, to those that lost the
    /// most by it.
    /// - Parameters:
    ///   - total: 0 to ``MarketplaceLimits/amountMinorMax``.
    ///   - shares: with weights of 0 to 10,000, of which one is more than 0.
    static func parts(of total: Money, by shares: [Share]) -> [Money] {
        let sum = shares.reduce(0) { $0 + $1.weight }
        precondition(sum > 0, "a budget is split by shares")
        var parts = shares.map { total.minorUnits * $0.weight / sum }
        let lost = shares.map { total.minorUnits * $0.weight % sum }
        let rest = Int(total.minorUnits - parts.reduce(0, +))
        for index in shares.indices.sorted(by: { (lost[$1], $0) < (lost[$0], $1) }).prefix(rest) { parts[index] += 1 }
        return parts.map { Money($0, total.currency) }
    }
}
