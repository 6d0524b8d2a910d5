package import Base

extension StripeRequest {
    /// - Parameter id: of the product, unique in the account; nil for one that Stripe makes.
    package static func createProduct(id: String? = nil, name: String, metadata: [String: String] = [:])
        -> StripeRequest
    {
        StripeRequest(.post, "/v1/products") {
            $0.set("id", id)
            $0.set("name", name)
            $0.set("metadata", metadata)
        }
    }

    package static func product(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/products/\(segment(id))")
    }

    /// - Parameters:
    ///   - recurring: nil for a price that is paid once.
    ///   - lookupKey: unique among the active prices of the account.
    ///   - takesLookupKey: whether a price that has `lookupKey` loses it.
    package static func createPrice(
        product: String, amount: Money, recurring: StripePrice.Recurring?, lookupKey: String? = nil,
        takesLookupKey: Bool? = nil, taxBehavior: StripePrice.TaxBehavior? = nil, metadata: [String: String] = [:]
    ) -> StripeRequest {
        StripeRequest(.post, "/v1/prices") {
            $0.set("product", product)
            $0.set("unit_amount", amount)
            $0.set("recurring[interval]", recurring?.interval.text)
            $0.set("recurring[interval_count]", recurring?.intervalCount)
            $0.set("lookup_key", lookupKey)
            $0.set("transfer_lookup_key", takesLookupKey)
            $0.set("tax_behavior", taxBehavior?.rawValue)
            $0.set("metadata", metadata)
        }
    }

    package static func updatePrice(_ id: String, isActive: Bool) -> StripeRequest {
        StripeRequest(.post, "/v1/prices/\(segment(id))") { $0.set("active", isActive) }
    }

    package static func price(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/prices/\(segment(id))")
    }

    /// - Parameter lookupKeys: up to 10.
    package static func prices(
        lookupKeys: [String] = [], product: String? = nil, isActive: Bool? = nil, page: StripePage = StripePage()
    ) -> StripeRequest {
        StripeRequest(.get, "/v1/prices") {
            $0.set("lookup_keys", lookupKeys)
            $0.set("product", product)
            $0.set("active", isActive)
            $0.set(page)
        }
    }
}
