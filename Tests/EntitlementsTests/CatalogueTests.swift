import App
import Base
import Rates
import TestKit
import Testing

@testable import Entitlements

@Suite struct CatalogueTests {
    private let meters = [Meter.uploads, .processing, .trainingRuns]
    private let features = [Feature("training", title: "Training")]
    private var offers: Offers {
        Offers(meters: meters, features: features, rateClasses: [RateClass("intents"), RateClass("assistant")])
    }

    private func faults(_ yaml: String) -> [String] {
        do {
            _ = try PlanSet(yaml: yaml, offers: offers)
            return []
        } catch {
            return (error as? PlanSetFaults)?.faults ?? ["\(error)"]
        }
    }

    @Test func `the built-in plans have the documented limits and prices`() throws {
        let catalogue = try PlanSet(yaml: PlanSet.builtIn, offers: offers)
        #expect(
            catalogue.plans.map(\.id.text) == [
                "free", "trial", "student", "basic", "employee", "pro", "professional", "premium", "enterprise",
            ])
        #expect(catalogue.plans.filter { $0.start == .anyone }.map(\.name) == ["Free"])
        let free = try #require(catalogue[Plan.ID("free")])
        #expect(free.limit(of: .processing) == .upTo(5) && free.limit(of: .uploads) == .upTo(5))
        #expect(!free.includes(features[0]))
        #expect(free.fileBytes == .upTo(10 << 20) && free.storageBytes == .upTo(512 << 20))
        let enterprise = try #require(catalogue[Plan.ID("enterprise")])
        #expect(enterprise.limit(of: .trainingRuns) == .unlimited && enterprise.includes(features[0]))
        #expect(catalogue[Plan.ID("gold")] == nil)
        #expect(catalogue[.trial]?.trial == TrialTerms(days: 30, credits: 10))
        // A plan has regional prices beside the default ones.
        let student = try #require(catalogue[Plan.ID("student")])
        #expect(
            student.prices.count == 4
                && student.prices.filter { $0.region == "IN" }.allSatisfy { $0.amount.currency.code == "inr" })
        let iterations = ["basic", "pro", "premium"].map { catalogue[Plan.ID($0)]?.limits["iterations"] }
        #expect(iterations == [.upTo(25), .upTo(100), .upTo(300)])
    }

    @Test func `all errors of a catalogue are reported at once`() {
        let found = faults(
            """
            plans:
              - { id: Free Plan, name: A, file_mb: 1, storage_mb: 1 }
              - { id: b, name: B, start: always, features: [training, flying], limits: { uploads: -2 }, \
                  file_mb: -5, storage_mb: 1 }
              - { id: b, name: B2, file_mb: 1, storage_mb: -9, colour: red }
              - { id: c, name: C, limits: { dreams: 3 }, features: [flying], file_mb: 1, storage_mb: 1 }
              - { id: d, name: D, file_mb: 1, storage_mb: 9000000000000 }
              - { id: e, name: E, start: payment, file_mb: 1, storage_mb: 1 }
              - { id: f, name: F, prices: [{ cycle: monthly, amount: 5 }], file_mb: 1, storage_mb: 1 }
              - { id: g, name: G, prices: [{ cycle: monthly, currency: "a$b", amount: 5, region: in }], file_mb: 1, \
                  storage_mb: 1 }
              - { id: h, name: H, start: trial, file_mb: 1, storage_mb: 1 }
              - { id: i, name: I, prices: [{ cycle: daily, currency: usd, amount: -5 }], trial: { days: 0 }, \
                  file_mb: 1, storage_mb: 1 }
            meters: [a]
            extras: 5
            """
        )
        for message in [
            "plan 1: an id", "'b': start", "'b': limits.uploads must be at least -1",
            "'b': file_mb must be at least -1", "'b': is defined twice",
            "'b': storage_mb must", "'b': colour is not a known field", "'c': limits.dreams is no known meter",
            "'c': features.0 is no known feature",
            "'d': storage_mb must be at most", "'e': prices is required", "'f': prices.0.currency is required",
            "'g': prices.0.currency is not a currency",
            "'g': prices.0.region is not a country", "'h': trial is required", "'i': prices.0.cycle must be one of",
            "'i': prices.0.amount must be at least 0",
            "'i': trial.days must be at least 1", "'meters': maps names to titles", "'extras': is not a member",
        ] {
            #expect(found.contains { $0.contains(message) }, "\(message) in \(found)")
        }
        #expect(found.count == 20, "\(found)")
    }

    @Test func `rates are parsed by class, and all of their errors are reported`() throws {
        let yaml = """
            plans:
              - { id: a, name: A, rates: { default: [1000/hour, 60/minute], generate: [10/30s burst 2] }, \
                  file_mb: 1, storage_mb: 1 }
              - { id: b, name: B, file_mb: 1, storage_mb: 1 }
            """
        let generate = RateClass("generate")
        let catalogue = try PlanSet(
            yaml: yaml, offers: Offers(meters: meters, features: features, rateClasses: [generate]))
        let (a, b) = (try #require(catalogue.plans.first), try #require(catalogue.plans.last))
        func rates(_ rateClass: RateClass, _ plan: Plan?) -> Rates {
            catalogue.allowance.rates(of: rateClass, under: plan)
        }
        #expect(rates(.default, a) == Rates(.perMinute(60), .perHour(1_000)))
        #expect(rates(generate, a).all == [Rate(10, per: .seconds(30), burst: 2)])
        #expect(rates(RateClass("other"), a) == rates(.default, a))
        #expect(rates(generate, b) == .ofNoPlan && rates(generate, nil) == .ofNoPlan)
        let found = faults(
            """
            plans:
              - { id: a, name: A, rates: { fly: [1/day], default: [] }, file_mb: 1, storage_mb: 1 }
              - { id: b, name: B, rates: { default: [1/minute, 2/60s] }, file_mb: 1, storage_mb: 1 }
              - { id: c, name: C, rates: { default: [ten a minute, 0/hour] }, file_mb: 1, storage_mb: 1 }
            """
        )
        #expect(found.count == 5, "\(found)")
        for message in [
            "'a': rates.fly is no known rate class", "'a': rates.default has one to 4",
            "'b': rates.default has one to 4", "'c': rates.default.0 is no rate",
            "'c': rates.default.1 is no rate",
        ] {
            #expect(found.contains { $0.contains(message) }, "\(message) in \(found)")
        }
    }

    @Test func `the entry default holds without a plan, and where a plan lists nothing`() throws {
        let yaml = """
            default: { concurrency: { agents: 5 }, rates: { default: [10/minute], checks: [20/minute] } }
            plans:
              - { id: a, name: A, concurrency: { agents: 1 }, rates: { checks: [30/minute] }, file_mb: 1, \
                  storage_mb: 1 }
              - { id: b, name: B, rates: { default: [40/minute] }, file_mb: 1, storage_mb: 1 }
            """
        let catalogue = try PlanSet(yaml: yaml, offers: offers)
        let (a, b) = (try #require(catalogue.plans.first), try #require(catalogue.plans.last))
        let (allowance, writes) = (catalogue.allowance, RateClass.writes)
        func rates(_ rateClass: RateClass) -> [Rates] { [nil, a, b].map { allowance.rates(of: rateClass, under: $0) } }
        #expect(rates(.checks) == [Rates(.perMinute(20)), Rates(.perMinute(30)), Rates(.perMinute(20))])
        #expect(rates(.default) == [Rates(.perMinute(10)), .ofNoPlan, Rates(.perMinute(40))])
        #expect(rates(writes) == rates(.default) && allowance.listedRates(of: writes, under: a) == nil)
        #expect([nil, a, b].map { allowance.concurrency(of: "agents", under: $0).value } == [5, 1, 5])
        #expect(allowance.concurrency(of: "others", under: nil) == .upTo(0))
        let plan = "\nplans:\n  - { id: a, name: A, file_mb: 1, storage_mb: 1 }"
        for (entry, fault) in [
            ("{ rates: { fly: [1/day] } }", "default: rates.fly is no known rate class"),
            ("{ rates: { default: [] } }", "default: rates.default has one to 4"),
            ("{ concurrency: { agents: -2 } }", "default: concurrency.agents"),
            ("{ limits: { fly: 1 } }", "default: limits.fly"),
        ] {
            let found = faults("default: " + entry + plan)
            #expect(found.count == 1 && found[0].hasPrefix(fault), "\(entry): \(found)")
        }
    }

    @Test(arguments: [
        "", "plans: []", "plans: 7", "plans:\n  - name: without an id", "[",
        "plans:\n  - { id: a, name: A, file_mb: many, storage_mb: 1 }",
    ])
    func `a file without valid plans is refused`(yaml: String) {
        #expect(faults(yaml).count == 1)
    }

    @Test func `an unmentioned limit is 0, and −1 is unlimited`() throws {
        let yaml = "plans:\n  - { id: a, name: A, limits: { uploads: -1 }, file_mb: -1, storage_mb: -1 }"
        let plan = try #require(try PlanSet(yaml: yaml, offers: offers).plans.first)
        #expect(plan.start == .administrator)
        #expect(plan.limit(of: .uploads) == .unlimited && plan.limit(of: .processing) == .upTo(0))
        #expect(plan.fileBytes == .unlimited && plan.storageBytes == .unlimited)
        #expect(!plan.includes(features[0]))
    }

    @Test func `the plans are listed without a credential, in the order of the file`() async throws {
        try await withTestApp(.sqlite) { app in
            let response = await app.call("GET", "/v1/plans")
            #expect(response.status == 200)
            let plans = try #require(response["plans"]?.array)
            #expect(plans.map { $0["id"]?.string } == app.app.entitlements.plans.current.plans.map(\.id.text))
            #expect(plans[0]["limits"] == ["uploads": 5, "processing": 5, "training_runs": 0])
            #expect(plans[0]["file_bytes"]?.integer == 10 << 20)
            #expect(plans.first { $0["id"] == "pro" }?["features"] == ["training"])
            #expect(plans.last?["limits"]?["training_runs"]?.integer == -1)
            let minute: JSONValue = ["limit": 60, "window_seconds": 60, "burst": 60]
            #expect(
                plans[0]["rates"]?["default"] == [minute, ["limit": 1_000, "window_seconds": 3_600, "burst": 1_000]])
            #expect(plans[0]["rates"]?["checks"] == [["limit": 600, "window_seconds": 60, "burst": 600]])
            let pricing = await app.call("GET", "/api/payments/pricing?region=in")
            let student = try #require(pricing["plans"]?.array?.first { $0["id"] == "student" })
            #expect(
                student["prices"] == [
                    ["cycle": "monthly", "currency": "inr", "amount": 79900, "region": "IN"],
                    ["cycle": "yearly", "currency": "inr", "amount": 799_900, "region": "IN"],
                ]
            )
            let austria = await app.call("GET", "/v1/payments/pricing?region=AT")
            #expect(
                austria["plans"]?.array?.first { $0["id"] == "student" }?["prices"]?.array?.map {
                    $0["amount"]?.integer
                } == [999, 9999])
            #expect(await app.call("GET", "/v1/payments/pricing?region=AUT").status == 422)
        }
    }
}
