import Base
import Identity
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// The accounts of payees at the provider.
@Suite struct ConnectedAccountTests {
    private func onboard(_ payouts: PayoutFixture, as person: TestPerson, _ country: JSONValue = "US") async
        -> TestResponse
    {
        await payouts.test.call(
            "POST", "/v1/payout-account/onboarding", json: ["country": country], token: person.token)
    }

    @Test(arguments: Engine.available)
    func `onboarding makes one account, whatever is lost and however often it is asked for`(engine: Engine)
        async throws
    {
        try await withPayouts(engine) { payouts in
            let before = payouts.stripe.objects(StripeAccount.self).count
            payouts.stripe.fail(.lostAfterEffect, path: "/v1/accounts")
            #expect(await onboard(payouts, as: payouts.payer).status == 503)
            let link = await onboard(payouts, as: payouts.payer)
            #expect(link.status == 200 && link["url"]?.string?.hasPrefix("https://") == true, "\(link)")
            #expect(await onboard(payouts, as: payouts.payer)["account_id"] == link["account_id"])
            #expect(payouts.stripe.objects(StripeAccount.self).count == before + 1)
            let view = await payouts.test.call("GET", "/v1/payout-account", token: payouts.payer.token)
            #expect(view["can_be_paid"] == false && view["account_id"] == link["account_id"])
        }
    }

    @Test(arguments: Engine.available)
    func `an account that the provider refuses is asked for with another key`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            payouts.stripe.fail(
                .refused(status: 400, type: "invalid_request_error", code: "country_unsupported"), path: "/v1/accounts")
            let refusal = await onboard(payouts, as: payouts.payer)
            #expect(refusal.status == 409 && refusal.code == "payout-account-refused", "\(refusal)")
            #expect(await onboard(payouts, as: payouts.payer).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `bad input, other organisations and unverified accounts are refused`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            #expect(await onboard(payouts, as: payouts.payer, "U1").status == 422)
            #expect(await onboard(payouts, as: payouts.payer, "USA").status == 422)
            #expect(await payouts.test.call("GET", "/v1/payout-account", token: payouts.payer.token).status == 404)
            let unverified = try await payouts.test.register("new", isVerified: false)
            #expect(await onboard(payouts, as: unverified).code == "email-not-verified")
        }
    }

    @Test(arguments: Engine.available)
    func `a suspended account is not paid until it is allowed again`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            let payee = try payouts.organisation(of: payouts.payee)
            try await payouts.database.write {
                try $0.execute("UPDATE connected_accounts SET is_suspended = 1 WHERE organisation_id = \(payee)")
            }
            await #expect { try await payouts.begin() } throws: { ($0 as? Problem)?.kind == .payoutAccountMissing }
            try await payouts.database.write {
                try $0.execute("UPDATE connected_accounts SET is_suspended = 0 WHERE organisation_id = \(payee)")
            }
            #expect(try await payouts.release().state == .transferred)
        }
    }
}
