import Entitlements
import Modules

/// The prices of the catalogue. An amount is shown in a currency that the catalogue has a price in, and in no other.
struct PriceRoutes {
    let plans: PlanCatalog
    let prices: ProviderPriceService
    let hasProvider: Bool
    let hasUPI: Bool

    var routes: [Route] {
        [
            .get(
                "payments/pricing", "List the prices of the plans, in all countries or one", requires: .public,
                .query("region", upTo: 2)
            ) { [plans, prices, hasProvider, hasUPI] _, region in
                let region = region.flatMap { $0.isEmpty ? nil : $0.uppercased() }
                var listed: [Plan] = []
                for plan in plans.current.plans { listed.append(try await prices.listed(plan)) }
                return PriceList(
                    listed, region: region, taxes: plans.taxes(in: region),
                    paymentMethods: PayingMethod.available(in: region, hasProvider: hasProvider, hasUPI: hasUPI))
            }
        ]
    }
}
