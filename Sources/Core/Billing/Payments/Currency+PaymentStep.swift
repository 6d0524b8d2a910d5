package import Modules
import Stripe

extension Currency {
    /// The amounts that the provider takes and returns are multiples of it, in minor units: 10 in currencies of three
    /// decimals, else 1.
    package var paymentStep: Int64 { StripeAmount.step(of: self) }
}

extension Money {
    /// Whether the provider takes this amount.
    var isPayable: Bool { minorUnits % currency.paymentStep == 0 }

    /// The largest amount that the provider takes and that is not more than this one.
    package var roundedToPayable: Money { Money(minorUnits - minorUnits % currency.paymentStep, currency) }

    /// - Throws: `validation-failed` where the provider does not take this amount.
    package func requirePayable(at pointer: String) throws(Problem) {
        guard isPayable else {
            throw Problem.invalid(pointer, "must be a multiple of \(Money(currency.paymentStep, currency))")
        }
    }
}
