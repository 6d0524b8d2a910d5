import Base
import Testing
import Web

@Suite struct GateTests {
    /// A requirement that notes when it is asked, and may refuse.
    private struct Step: Requirement {
        let name: String
        let stage: GateStage
        let tally: Tally
        var refuses = false
        var problems: [Problem.Kind] { [.conflict] }
        var summary: GateSummary { GateSummary(.role, name) }

        func check(_ call: Request) throws(Problem) -> String {
            tally.note(name)
            if refuses { throw Problem(.conflict, detail: name) }
            return name
        }
    }

    private struct Empty: Payload {}

    @Test func `asks in the order declared, and the first refusal ends the way before the body is looked at`() async {
        let tally = Tally()
        func steps(refusing: String) -> (Step, Step, Step) {
            func step(_ name: String, _ stage: GateStage) -> Step {
                Step(name: name, stage: stage, tally: tally, refuses: name == refusing)
            }
            return (step("who", .identity), step("role", .account), step("plan", .entitlement))
        }
        let (a, b, c) = steps(refusing: "plan")
        let (d, e, f) = steps(refusing: "role")
        let (g, h, i) = steps(refusing: "nobody")
        let house = WebFixture([
            .post("refused/{id}", "Refuses late", requires: a, b, c, .path("id", of: Step.self)) {
                (_: Empty, _, _, _, _) in NoContent()
            },
            .post("early", "Refuses early", requires: d, e, f) { (_: Empty, _, _, _) in NoContent() },
            .post("passed", "Passes", requires: g, h, i) { (_: Empty, who, role, plan) in
                tally.note("handler \(who) \(role) \(plan)")
                return NoContent()
            },
        ])
        let refused = await house.post("/refused/no-id-at-all", "no JSON at all", contentType: "text/plain")
        #expect(refused.status == 409)
        #expect(refused["detail"] == "plan")
        #expect(tally.all == ["who", "role", "plan"])
        #expect(await house.post("/early", "").status == 409)
        #expect(tally.all.dropFirst(3) == ["who", "role"])
        #expect(await house.post("/passed", "[]").status == 422)
        #expect(await house.post("/passed", "{}").status == 204)
        #expect(tally.all.suffix(4) == ["who", "role", "plan", "handler who role plan"])
    }

    @Test func `a door that declares its gate out of order does not start`() async {
        await #expect(processExitsWith: .failure) {
            let tally = Tally()
            _ = Route.get(
                "wrong", "Plan before person",
                requires: Step(name: "plan", stage: .entitlement, tally: tally),
                Step(name: "who", stage: .identity, tally: tally)
            ) { _, _ in NoContent() }
        }
    }

    @Test func `two doors with one address do not start`() async {
        await #expect(processExitsWith: .failure) {
            _ = RouteTable([
                .get("a/{x}", "One", requires: .public, .path("x")) { _, _ in NoContent() },
                .get("a/{y}", "Another", requires: .public, .path("y")) { _, _ in NoContent() },
            ])
        }
    }

    @Test func `a door documents what its gate refuses with`() {
        let route = Route.post(
            "x", "X", requires: .public, Step(name: "role", stage: .account, tally: Tally()),
            .path("id", of: Step.self), problems: [.conflict]
        ) { (_: Empty, _, _, _) in
            NoContent()
        }
        #expect(
            Set(route.problems.map(\.code)) == [
                "conflict", "not-found", "invalid-payload", "payload-too-large", "unsupported-media-type",
                "validation-failed", "invalid-request",
                "internal-error", "overloaded",
            ])
        #expect(route.problems.count == 9)
        #expect(route.isPublic)
    }
}
