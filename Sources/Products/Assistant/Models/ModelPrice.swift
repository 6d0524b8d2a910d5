import Models
import Modules

/// What a million tokens cost, in millionths of a US dollar.
struct ModelPrice: Sendable, Hashable {
    let input: Int64
    let output: Int64

    /// Names of models contain these words. The price of another model is that of `sonnet`.
    private static let listed: [(word: String, price: ModelPrice)] = [
        ("opus", ModelPrice(input: 15_000_000, output: 75_000_000)),
        ("sonnet", ModelPrice(input: 3_000_000, output: 15_000_000)),
        ("haiku", ModelPrice(input: 250_000, output: 1_250_000)),
        ("claude-2", ModelPrice(input: 8_000_000, output: 24_000_000)),
        (EchoModelClient.model, ModelPrice(input: 0, output: 0)),
    ]

    static func price(of model: String) -> ModelPrice {
        listed.first { model.lowercased().contains($0.word) }?.price ?? listed[1].price
    }

    /// In millionths of a US dollar, rounded up.
    func cost(of usage: ModelUsage) -> Int64 {
        // A price of the settings may be large: a floating-point number does not overflow.
        let micros = (Double(usage.input) * Double(input) + Double(usage.output) * Double(output)) / 1e6
        return Int64(min(max(0, micros.rounded(.up)), Self.microsMax))
    }

    private static let microsMax = 1e13
}

extension DecimalNumber {
    /// - Parameter micros: millionths of a US dollar.
    static func dollars(_ micros: Int64) -> DecimalNumber { DecimalNumber(micros, fractionDigits: 6) }
}
