extension StripeRequest {
    /// A connected account that receives transfers: Stripe collects what its owner must tell, gives it the Express
    /// dashboard, and the platform bears fees and losses.
    /// - Parameter country: two letters, ISO 3166-1.
    package static func createAccount(email: String?, country: String, metadata: [String: String] = [:])
        -> StripeRequest
    {
        StripeRequest(.post, "/v1/accounts") {
            $0.set("email", email)
            $0.set("country", country)
            $0.set("controller[fees][payer]", "application")
            $0.set("controller[losses][payments]", "application")
            $0.set("controller[requirement_collection]", "stripe")
            $0.set("controller[stripe_dashboard][type]", "express")
            $0.set("capabilities[transfers][requested]", true)
            $0.set("metadata", metadata)
        }
    }

    package static func account(_ id: String) -> StripeRequest {
        StripeRequest(.get, "/v1/accounts/\(segment(id))")
    }

    /// Refused where the account has a balance.
    package static func deleteAccount(_ id: String) -> StripeRequest {
        StripeRequest(.delete, "/v1/accounts/\(segment(id))")
    }

    /// A page on which the owner of an account tells Stripe what is required. The link works once, for some minutes.
    package static func createAccountLink(account: String, refreshURL: String, returnURL: String) -> StripeRequest {
        StripeRequest(.post, "/v1/account_links") {
            $0.set("account", account)
            $0.set("refresh_url", refreshURL)
            $0.set("return_url", returnURL)
            $0.set("type", "account_onboarding")
            $0.set("collection_options[fields]", "eventually_due")
        }
    }

    /// A link to the Express dashboard of an account.
    package static func createLoginLink(account: String) -> StripeRequest {
        StripeRequest(.post, "/v1/accounts/\(segment(account))/login_links")
    }

    /// Payouts of a connected account to its bank, or the platform's own.
    package static func payouts(
        of account: String?, status: String? = nil, created: StripeTimeRange? = nil, page: StripePage = StripePage()
    ) -> StripeRequest {
        StripeRequest(.get, "/v1/payouts") {
            $0.set("status", status)
            $0.set(created)
            $0.set(page)
        }
        .acting(for: account)
    }

    package static func payout(_ id: String, of account: String?) -> StripeRequest {
        StripeRequest(.get, "/v1/payouts/\(segment(id))").acting(for: account)
    }
}
