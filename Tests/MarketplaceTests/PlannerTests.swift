import App
import Base
import Models
import Modules
import Synchronization
import TestKit
import Testing

@testable import Marketplace

/// The planner: its split, its iterations, its sessions and its model.
@Suite struct PlannerTests {
    private static func brief(guests: Int64 = 100, budget: JSONValue = 20000) -> JSONValue {
        [
            "eventType": "wedding", "guestCount": .integer(guests), "budget": budget, "city": "Berlin",
            "dateRange": "2026-06-20",
        ]
    }

    private func generate(
        _ fixture: MarketplaceFixture, _ session: String = "s1", _ brief: JSONValue = brief(),
        as person: TestPerson? = nil
    ) async -> TestResponse {
        await fixture.post(
            "planner/generate", ["sessionId": .string(session), "draftBrief": brief],
            as: person ?? fixture.organizer)
    }

    @Test(arguments: Engine.available)
    func `without a model the plan is the usual split, and says so`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let made = await generate(fixture, "s1", Self.brief(guests: 101, budget: 9999.99))
            #expect(made.status == 200 && made["success"] == true, "\(made)")
            #expect(made["notice"]?.string?.contains("No language model is configured") == true)
            let plan = made["plan"]
            #expect(plan?["source"] == "fallback" && plan?["spacePlan"]?["tables"] == 13)
            #expect(plan?["kpis"]?["totalCost"]?.number == 9999.99 && plan?["kpis"]?["costPerAttendeeMinor"] == 9900)
            let parts = try #require(plan?["budget"]?["breakdown"]?.array)
            #expect(
                parts.compactMap { $0["category"]?.string } == [
                    "venue", "catering", "entertainment", "decor", "platform", "misc",
                ])
            #expect(parts.compactMap { $0["percent"]?.number } == [35, 25, 15, 10, 10, 5])
            #expect(
                parts.compactMap { $0["amountMinor"]?.integer } == [
                    349_999, 250_000, 150_000, 100_000, 100_000, 50_000,
                ]
            )
        }
    }

    @Test func `the parts of a budget sum to it, to the minor unit`() throws {
        var generator = SplitMix(seed: 7)
        for _ in 0..<TestScale.rounds(20_000) {
            let total = Money(Int64.random(in: 0...MarketplaceLimits.amountMinorMax, using: &generator), .usual)
            let shares = (0..<Int.random(in: 1...20, using: &generator)).map { index in
                BudgetSplit.Share(category: "\(index)", weight: Int64.random(in: 1...100, using: &generator))
            }
            let parts = BudgetSplit.parts(of: total, by: shares)
            let weights = shares.reduce(0) { $0 + $1.weight }
            #expect(parts.reduce(0) { $0 + $1.minorUnits } == total.minorUnits)
            for (part, share) in zip(parts, shares) {
                let exact = Double(total.minorUnits) * Double(share.weight) / Double(weights)
                #expect(abs(Double(part.minorUnits) - exact) <= 1.001)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `each plan takes an iteration, and without a subscription there are five a month`(
        engine: Engine
    ) async throws {
        try await withMarketplace(engine) { fixture in
            for index in 0..<5 { #expect(await generate(fixture, "s\(index)").status == 200) }
            let sixth = await generate(fixture)
            #expect(sixth.status == 403 && sixth.code == "iterations-exhausted" && sixth["limit"] == 5, "\(sixth)")
            #expect(await fixture.get("planner/sessions", as: fixture.organizer)["total"] == 5)
            #expect(await generate(fixture, as: fixture.host).status == 200, "each organisation has its own")
            fixture.app.clock.advance(by: .days(31))
            let login = await fixture.app.call(
                "POST", "/v1/auth/login",
                json: ["email": .string(fixture.organizer.email), "password": .string(fixture.organizer.password)])
            let token = try #require(login["access_token"]?.string)
            let next = await fixture.app.call(
                "POST", "/api/planner/generate", json: ["sessionId": "s9", "draftBrief": Self.brief()], token: token)
            #expect(next.status == 200, "\(next)")
        }
    }

    @Test(arguments: Engine.available)
    func `the iterations of a plan are its meter's`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let person = try await fixture.app.subscriber("basic")
            for _ in 0..<3 { #expect(await generate(fixture, as: person).status == 200) }
            let usage = await fixture.app.call("GET", "/v1/usage", token: person.token)
            #expect(usage["meters"]?["iterations"]?["used"] == 3, "\(usage)")
            #expect(usage["meters"]?["iterations"]?["limit"] == 25, "\(usage)")
        }
    }

    @Test(arguments: Engine.available)
    func `an answer of the model takes an iteration, of accounts with a verified address`(engine: Engine) async throws {
        let answer =
            #"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hello."},"finish_reason":"stop"}]}"#
        try await WebhookReceiver.with { receiver in
            receiver.answer { _ in .init(200, headers: ["Content-Type": "application/json"], body: answer) }
            try await withMarketplace(
                engine,
                change: {
                    $0.openAIBaseURL = receiver.url
                    $0.openAIModel = "m"
                }
            ) { fixture in
                func ask(_ person: TestPerson) async -> TestResponse {
                    await fixture.post("integrations/invoke-llm", ["prompt": "Hi"], as: person)
                }
                let unverified = try await fixture.app.register("unverified", isVerified: false)
                #expect(await ask(unverified).code == "email-not-verified")
                #expect(receiver.messages.isEmpty)
                let person = try await fixture.app.register("verified")
                for _ in 0..<5 { #expect(await ask(person)["response"] == "Hello.") }
                #expect(await ask(person).code == "iterations-exhausted")
                #expect(await generate(fixture, as: person).code == "iterations-exhausted")
                #expect(receiver.messages.count == 5)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `of ten plans at once the last iterations make five`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let statuses = await withTaskGroup(of: Int.self) { group in
                for index in 0..<10 { group.addTask { await generate(fixture, "s\(index)").status } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 200 } == 5 && statuses.count { $0 == 403 } == 5, "\(statuses)")
            #expect(await fixture.get("planner/sessions", as: fixture.organizer)["total"] == 5)
        }
    }

    @Test(arguments: Engine.available)
    func `a conversation collects the brief, and its plan is approved and shared`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let organizer = fixture.organizer
            func tell(_ text: String, _ brief: JSONValue?) async -> TestResponse {
                await fixture.post(
                    "planner/message",
                    [
                        "sessionId": "s1", "userText": .string(text), "messages": [], "draftBrief": brief ?? .null,
                        "mode": "chat", "briefStatus": "collecting",
                    ], as: organizer)
            }
            let first = await tell("A wedding for 80 guests on 2026-06-20", nil)
            #expect(first.status == 200 && first["source"] == "fallback", "\(first)")
            let brief = first["updatedSession"]?["draftBrief"]
            #expect(brief?["eventType"] == "wedding" && brief?["guestCount"] == 80, "\(first)")
            #expect(first["updatedSession"]?["briefStatus"] == "collecting")
            #expect(first["assistantMessage"] == "What is your budget?")
            let second = await tell("Our budget is $12,500.50", brief)
            #expect(second["updatedSession"]?["draftBrief"]?["budget"]?.number == 12500.5, "\(second)")
            #expect(second["assistantMessage"] == "In which city should it take place?")

            let unplanned = await fixture.post("planner/sessions/s1/approve-layout", as: organizer)
            #expect(unplanned.status == 409, "\(unplanned)")
            #expect(await generate(fixture).status == 200)
            #expect(await fixture.post("planner/sessions/s1/approve-layout", as: fixture.host).status == 404)
            let approved = await fixture.post("planner/sessions/s1/approve-layout", as: organizer)
            #expect(approved["layoutApproved"] == true && approved["messages"]?.array?.count == 4, "\(approved)")

            let shared = await fixture.post("plans/share", ["session_id": "s1"], as: organizer)
            let path = try #require(shared["path"]?.string, "\(shared)")
            let read = await fixture.app.call("GET", path)
            #expect(read["plan"]?["title"] == "wedding in Berlin", "\(read)")
            #expect(!read.text.contains(organizer.organisation) && !read.text.contains(organizer.id.text))
            #expect(await fixture.app.call("GET", path + "x").status == 404)
            fixture.app.clock.advance(by: .days(30))
            #expect(await fixture.app.call("GET", path).status == 404)
            try await fixture.app.runJobs()
        }
    }

    /// Answers with texts, one after another.
    private final class ScriptedModel: ModelClient {
        private let answers: Mutex<[String]>
        let requests = Mutex<[ModelRequest]>([])

        init(_ answers: [String]) { self.answers = Mutex(answers) }

        func complete(_ request: ModelRequest) async throws(ModelError) -> ModelResponse {
            requests.withLock { $0.append(request) }
            guard let text = answers.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
                throw ModelError(.overloaded, "no more answers")
            }
            return ModelResponse(
                id: "1", model: request.model, choices: [.init(text: text, finish: .ended)], usage: nil)
        }

        func stream(
            _ request: ModelRequest,
            _ use: nonisolated(nonsending) @escaping @Sendable (ModelEvent) async throws -> Void
        ) async throws -> ModelResponse { try await complete(request) }
    }

    private static let draft = """
        {"title": "Garden wedding", "summary": "In the open.", "zones": ["Lawn"],
         "timeline": [{"time": "16:00", "title": "Ceremony"}],
         "shares": [{"category": "venue", "percent": 60}, {"category": "food", "percent": 40}], "tradeoffNote": "–"}
        """

    @Test func `a model's plan that does not fit is repaired once, and its amounts are computed here`() async throws {
        let model = ScriptedModel(["{\"title\": \"\"}", "Here it is: \(Self.draft)"])
        let draft = try await PlannerModel(client: model, name: "m").draft(for: Self.brief())
        #expect(draft.title == "Garden wedding")
        #expect(model.requests.withLock { $0.count } == 2)
        let plan = EventPlan(
            id: ID(trusted: "p"), draft, source: .model, confidence: 75, guests: 10, budget: Money(1_001, .usual))
        #expect(plan.budget.breakdown.map(\.amountMinor) == [601, 400])

        let unrepaired = ScriptedModel(["no", "{\"shares\": []}", Self.draft])
        do throws(Problem) {
            _ = try await PlannerModel(client: unrepaired, name: "m").draft(for: Self.brief())
            Issue.record("a plan was made")
        } catch {
            #expect(error.kind.code == "model-unavailable")
        }
        #expect(unrepaired.requests.withLock { $0.count } == 2)
    }
}
