import Base

extension StripeRequest {
    /// - Parameters:
    ///   - id: unique in the account.
    ///   - durationMonths: of a duration of `repeating`.
    package static func createCoupon(
        id: String, _ discount: StripeCoupon.Discount, duration: StripeCoupon.Duration, durationMonths: Int64? = nil,
        name: String? = nil, metadata: [String: String] = [:]
    ) -> StripeRequest {
        StripeRequest(.post, "/v1/coupons") {
            $0.set("id", id)
            switch discount {
            case .percent(let hundredths): $0.set("percent_off", StripeDecimal.text(hundredths, decimals: 2))
            case .amount(let money): $0.set("amount_off", money)
            }
            $0.set("duration", duration.rawValue)
            $0.set("duration_in_months", durationMonths)
            $0.set("name", name)
            $0.set("metadata", metadata)
        }
    }

    package static func coupon(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/coupons/\(segment(id))")
    }

    /// Discounts that were given with it stay.
    package static func deleteCoupon(_ id: String) -> StripeRequest {
        StripeRequest(.delete, "/v1/coupons/\(segment(id))")
    }

    /// - Parameter tenThousandths: the rate in ten-thousandths of a percent: 192,500 are 19.25 %.
    package static func createTaxRate(
        name: String, tenThousandths: Int64, isInclusive: Bool, country: String? = nil, metadata: [String: String] = [:]
    ) -> StripeRequest {
        StripeRequest(.post, "/v1/tax_rates") {
            $0.set("display_name", name)
            $0.set("percentage", StripeDecimal.text(tenThousandths, decimals: 4))
            $0.set("inclusive", isInclusive)
            $0.set("country", country)
            $0.set("metadata", metadata)
        }
    }
}
