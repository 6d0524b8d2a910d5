package import Base

extension StripeRequest {
    /// Moves money from the platform's balance to a connected account.
    /// - Parameters:
    ///   - transferGroup: connects the transfer with its payment; what a lost outcome is found by.
    ///   - sourceCharge: the charge whose money is transferred before it is available; nil for available money.
    package static func createTransfer(
        amount: Money, destination: String, transferGroup: String, sourceCharge: String? = nil,
        description: String? = nil, metadata: [String: String] = [:]
    ) -> StripeRequest {
        StripeRequest(.post, "/v1/transfers") {
            $0.set(amount)
            $0.set("destination", destination)
            $0.set("transfer_group", transferGroup)
            $0.set("source_transaction", sourceCharge)
            $0.set("description", description)
            $0.set("metadata", metadata)
        }
    }

    package static func transfer(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/transfers/\(segment(id))")
    }

    package static func transfers(
        transferGroup: String? = nil, destination: String? = nil, created: StripeTimeRange? = nil,
        page: StripePage = StripePage()
    ) -> StripeRequest {
        StripeRequest(.get, "/v1/transfers") {
            $0.set("transfer_group", transferGroup)
            $0.set("destination", destination)
            $0.set(created)
            $0.set(page)
        }
    }

    /// Takes transferred money back from the connected account, whose balance must have it.
    /// - Parameter amount: nil for all that is not reversed yet.
    package static func reverseTransfer(_ id: String, amount: Money? = nil, metadata: [String: String] = [:])
        -> StripeRequest
    {
        StripeRequest(.post, "/v1/transfers/\(segment(id))/reversals") {
            $0.set("amount", amount.map(StripeAmount.units))
            $0.set("metadata", metadata)
        }
    }

    package static func transferReversals(of transfer: String, page: StripePage = StripePage()) -> StripeRequest {
        StripeRequest(.get, "/v1/transfers/\(segment(transfer))/reversals") { $0.set(page) }
    }
}
