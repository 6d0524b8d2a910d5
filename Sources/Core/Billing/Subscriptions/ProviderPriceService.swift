import Entitlements
import Modules
import Stripe

/// The prices of plans at the provider. Those of the catalogue are found by their lookup key, or made when they are
/// needed first; those that the installation names are read there.
package final class ProviderPriceService: Sendable {
    private static let product = ProviderPurpose("product.create")
    private static let price = ProviderPurpose("price.create")

    private let database: any Database
    private let plans: PlanCatalog
    private let calls: ProviderCallService
    /// The ids of the prices that the installation names, by plan.
    private let named: [Plan.ID: [String]]
    private let runtime: Runtime

    init(
        database: any Database, plans: PlanCatalog, calls: ProviderCallService, named: [Plan.ID: [String]],
        runtime: Runtime
    ) {
        self.database = database
        self.plans = plans
        self.calls = calls
        self.named = named
        self.runtime = runtime
        // Nothing here depends on the product: its id is known before it is made.
        calls.register(Self.product) { _, _, _ in }
        calls.register(Self.price, reconciling: Self.lookUp) { call, outcome, transaction in
            guard case .done(let object) = outcome, let id = object["id"]?.string else { return }
            let price: ID<ProviderPrice> = ID(trusted: call.subject)
            _ = try transaction.setProviderID(id, of: price)
        }
    }

    // MARK: Named prices

    /// The plan with its prices: those of the catalogue, or those that the installation names at the provider.
    /// - Throws: `not-configured` where it names none; `provider-unavailable` where one cannot be read.
    func priced(_ plan: Plan) async throws(Problem) -> Plan {
        guard plan.hasProviderPrices else { return plan }
        guard let ids = named[plan.id], !ids.isEmpty else { throw Self.notConfigured(plan) }
        var priced = try await listed(plan)
        for id in ids where !priced.prices.contains(where: { $0.providerID == id }) {
            priced.prices.append(try await read(id, of: plan))
        }
        return priced
    }

    /// As ``priced(_:)``, with the prices that were read before: the amount of a price at the provider never changes.
    func listed(_ plan: Plan) async throws(Problem) -> Plan {
        guard plan.hasProviderPrices, let ids = named[plan.id] else { return plan }
        var listed = plan
        listed.prices = try await database.read { try $0.providerPrices(of: plan.id, named: ids) }
        return listed
    }

    /// Reads the named prices that are not known yet.
    func readNamed() async throws(Problem) {
        for plan in plans.current.plans where named[plan.id] != nil { _ = try await priced(plan) }
    }

    private func read(_ id: String, of plan: Plan) async throws(Problem) -> Price {
        let client = try calls.requireClient()
        let found: StripePrice
        do throws(StripeFetchFailure) { found = try await client.fetch(.price(id), id: id, as: StripePrice.self) } catch
        {
            throw error.isMissing ? Self.notConfigured(plan) : Problem(.providerUnavailable, cause: error)
        }
        guard found.isActive, let amount = found.amount, amount.minorUnits > 0,
            let cycle = Cycle.allCases.first(where: { found.recurring == $0.recurring })
        else { throw Self.notConfigured(plan) }
        let price = Price(cycle: cycle, amount: amount, region: nil, providerID: id)
        let row: ID<ProviderPrice> = runtime.id()
        let isNamed = try await database.write { transaction in
            let stored = try transaction.providerPrice(of: plan.id, price, amount: amount, id: row)
            return try transaction.nameProviderPrice(stored.id, as: id)
        }
        guard isNamed else { throw Self.notConfigured(plan) }
        return price
    }

    private static func notConfigured(_ plan: Plan) -> Problem {
        Problem(.notConfigured, detail: "\(plan.name) has no price here yet.", members: ["plan": .string(plan.name)])
    }

    // MARK: Choice

    /// The price of a plan.
    /// - Parameters:
    ///   - region: an ISO 3166 code; a country without prices of its own has the general ones.
    ///   - currency: nil for the first one of the country.
    /// - Throws: `validation-failed` where the plan has no such price; as ``priced(_:)``.
    func choose(_ plan: Plan, _ cycle: Cycle, region: String?, currency: Currency? = nil) async throws(Problem) -> Price
    { try await priced(plan).requirePrice(every: cycle, in: region, currency: currency) }

    /// What is paid for a price, with the taxes that are added to it.
    func total(_ price: Price, of plan: Plan) -> Money {
        guard price.providerID == nil else { return price.amount }
        let line = InvoiceLine(plan, price, taxes: plans.taxes(in: price.region))
        return Money(InvoiceAmounts([line]).total, price.amount.currency)
    }

    /// The price at the provider.
    /// - Throws: `not-configured`; `provider-unavailable` where it is not known to exist in time: a repeat continues.
    func require(_ price: Price, of plan: Plan) async throws(Problem) -> ProviderPrice {
        let client = try calls.requireClient()
        let amount = total(price, of: plan)
        let id: ID<ProviderPrice> = runtime.id()
        var row = try await database.write {
            try $0.providerPrice(of: plan.id, price, amount: amount, id: id)
        }
        if row.providerID == nil {
            row.providerID = try await find(row, client)
            if row.providerID == nil { row.providerID = try await make(row, of: plan) }
        }
        guard row.providerID != nil else { throw Problem(.providerUnavailable) }
        return row
    }

    /// A price that an earlier database has made.
    private func find(_ price: ProviderPrice, _ client: StripeClient) async throws(Problem) -> String? {
        let found: StripeList<StripePrice>
        do throws(StripeFetchFailure) {
            found = try await client.page(
                .prices(lookupKeys: [price.lookupKey], isActive: true), of: StripePrice.self)
        } catch { throw Problem(.providerUnavailable, cause: error) }
        guard let match = found.elements.first(where: { price.isSame(as: $0) }) else { return nil }
        try await database.write { _ = try $0.setProviderID(match.id, of: price.id) }
        return match.id
    }

    private func make(_ price: ProviderPrice, of plan: Plan) async throws(Problem) -> String? {
        let product = ProviderPrice.product(of: plan.id)
        let first = ProviderCall(
            id: runtime.id(), purpose: Self.product, subject: product, organisation: nil, key: "product:\(product)",
            request: .createProduct(id: product, name: plan.name, metadata: ["plan": plan.id.text]))
        let second = ProviderCall(
            id: runtime.id(), purpose: Self.price, subject: price.id.text, organisation: nil,
            key: "price:\(price.id):create",
            request: .createPrice(
                product: product, amount: price.amount,
                recurring: price.cycle.recurring,
                lookupKey: price.lookupKey, takesLookupKey: true,
                metadata: ["plan": plan.id.text, "cycle": price.cycle.rawValue]))
        // A product that exists is as good as one that was made.
        _ = try await sent(first)
        if case .refused(let refusal) = try await sent(second) {
            throw Problem(.providerUnavailable, detail: "The payment provider refused the price: \(refusal.message)")
        }
        return try await database.read { try $0.providerPrice(price.id)?.providerID }
    }

    private func sent(_ call: ProviderCall) async throws(Problem) -> ProviderCallService.Outcome? {
        let id = try await database.write { [calls] transaction in
            try calls.enqueue(call, in: transaction) ? call.id : try transaction.providerCall(ofKey: call.key)?.id
        }
        guard let id else { return nil }
        return try await calls.send(id)
    }

    private static func lookUp(_ call: ProviderCall, _ client: StripeClient) async -> ProviderCallService.Finding {
        let key = call.request.form.fields.first { $0.name == "lookup_key" }?.value ?? ""
        do throws(StripeFetchFailure) {
            let found = try await client.fetch(.prices(lookupKeys: [key], isActive: true))
            let amount = call.request.form.fields.first { $0.name == "unit_amount" }?.value
            let match = found["data"]?.array?.first { $0["unit_amount"]?.integer.map { "\($0)" } == amount }
            return match.map { .done($0) } ?? .absent
        } catch { return .unknown(reason: "\(error)") }
    }
}

extension ProviderPrice {
    fileprivate func isSame(as price: StripePrice) -> Bool {
        price.amount == amount && price.product == Self.product(of: plan)
            && price.recurring == cycle.recurring
    }
}

extension Cycle {
    fileprivate var recurring: StripePrice.Recurring { StripePrice.Recurring(self == .yearly ? .year : .month) }
}
