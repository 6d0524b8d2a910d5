import Models
import Modules

/// What tokens cost: hundredths of a US dollar for a million of them.
struct ModelPrice: Sendable, Hashable {
    let input: Int64
    let output: Int64

    /// Names of models contain these words. The price of another model is that of `sonnet`.
    private static let listed: [(word: String, price: ModelPrice)] = [
        ("opus", ModelPrice(input: 15_00, output: 75_00)), ("sonnet", ModelPrice(input: 3_00, output: 15_00)),
        ("haiku", ModelPrice(input: 25, output: 1_25)), ("claude-2", ModelPrice(input: 8_00, output: 24_00)),
        (EchoModelClient.model, ModelPrice(input: 0, output: 0)),
    ]

    static func price(of model: String) -> ModelPrice {
        listed.first { model.contains($0.word) }?.price ?? listed[1].price
    }

    /// In millionths of a US dollar, rounded up.
    func cost(of usage: ModelUsage) -> Int64 { (usage.input * input + usage.output * output + 99) / 100 }
}

extension DecimalNumber {
    /// - Parameter micros: millionths of a US dollar.
    static func dollars(_ micros: Int64) -> DecimalNumber { DecimalNumber(micros, fractionDigits: 6) }
}
