import Entitlements
import Modules

extension Plan {
    /// The price of a cycle in a country; the general one where the country is not known or has none of its own.
    /// - Parameter currency: nil for the first one of the country.
    /// - Returns: nil where the plan has no such price.
    func price(every cycle: Cycle, in region: String?, currency: Currency? = nil) -> Price? {
        prices(in: region).first { price in
            price.cycle == cycle && (region != nil || price.region == nil)
                && (currency == nil || price.amount.currency == currency)
        }
    }

    /// As ``price(every:in:currency:)``.
    /// - Throws: `validation-failed` where the plan has no such price.
    func requirePrice(every cycle: Cycle, in region: String?, currency: Currency? = nil) throws(Problem) -> Price {
        if let price = price(every: cycle, in: region, currency: currency) { return price }
        guard price(every: cycle, in: region) == nil else {
            throw Problem.invalid("/currency", "is not one that \(name) is paid in")
        }
        throw Problem.invalid("/cycle", "is not one that \(name) is paid for")
    }
}
