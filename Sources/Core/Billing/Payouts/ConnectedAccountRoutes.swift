import Identity
import Modules

/// The organisation's account for payouts.
struct ConnectedAccountRoutes {
    let identity: IdentityModule
    let accounts: ConnectedAccountService

    var routes: [Route] {
        [
            .post(
                "payout-account/onboarding", "Connect an account for payouts, or continue to; answers with a link",
                requires: identity.member, identity.verified,
                problems: [.insufficientRole, .payoutAccountRefused, .providerUnavailable, .notConfigured]
            ) { [accounts] (payload: OnboardingRequest, scope, _) in
                let country = payload.country.uppercased()
                guard country.utf8.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else {
                    throw Problem.invalid("/country", "is two letters")
                }
                return try await accounts.onboard(country: country, scope: scope)
            },
            .get(
                "payout-account", "Get the account for payouts", requires: identity.member, problems: [.notFound]
            ) { [accounts] scope in try await accounts.view(scope: scope) },
            .post(
                "payout-account/refresh", "Get the account for payouts as the provider has it now",
                requires: identity.member, problems: [.notFound, .providerUnavailable, .notConfigured]
            ) { [accounts] scope in try await accounts.refresh(scope: scope) },
        ]
    }
}
