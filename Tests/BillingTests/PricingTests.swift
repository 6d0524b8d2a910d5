import App
import Base
import TestKit
import Testing

@Suite struct PricingTests {
    private func tier(_ name: String, _ response: TestResponse) -> JSONValue? {
        response["tiers"]?.array?.first { $0["tier"]?.string == name }
    }

    @Test(arguments: Engine.available)
    func `tiers have the general prices, and those of a country where it has its own`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let general = await test.call("GET", "/v1/payments/pricing")
            let student = tier("student", general)
            #expect(student?["monthly"]?["amount"] == 9.99 && student?["monthly"]?["amount_minor"] == 999, "\(general)")
            #expect(student?["annual"]?["amount"] == 99.99 && student?["annual"]?["currency"] == "usd")
            #expect(student?["workflows_per_month"] == 100 && student?["agents"] == 5)
            #expect(tier("employee", general)?["recommended"] == true && student?["recommended"] == false)
            let enterprise = tier("enterprise", general)
            #expect(enterprise != nil && enterprise?["monthly"]?["amount"] == nil)
            let india = await test.call("GET", "/api/payments/pricing?region=in")
            #expect(tier("student", india)?["monthly"]?["amount"] == 799, "\(india)")
            #expect(tier("student", india)?["annual"]?["amount"] == 7_999)
            #expect(tier("student", india)?["annual"]?["currency"] == "inr" && india["region"] == "IN")
            let germany = await test.call("GET", "/v1/payments/pricing?region=DE")
            #expect(tier("student", germany)?["monthly"]?["currency"] == "usd")
            // Nothing pretends: without a provider there is no way to pay.
            #expect(germany["payment_methods"] == [] && germany["taxes"] == [])
        }
    }
}
