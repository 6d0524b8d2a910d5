import Base
import TestKit
import Testing
import Web

@Suite struct GateTests {
    /// A requirement that records its check, and may refuse.
    private struct Step: Requirement {
        let name: String
        let phase: RequestPhase
        let tally: Tally
        var refuses = false
        var problems: [Problem.Kind] { [.conflict] }
        var summary: RequirementSummary { RequirementSummary(RequirementSummary.Kind("step"), name) }

        func check(_ request: Request) throws(Problem) -> String {
            tally.note(name)
            if refuses { throw Problem(.conflict, detail: name) }
            return name
        }
    }

    /// As ``Step``, added to a route.
    private struct AddedStep: Middleware {
        let name: String
        let phase: RequestPhase
        let tally: Tally
        var refuses = false
        var problems: [Problem.Kind] { [.overloaded] }
        var summary: RequirementSummary { RequirementSummary(.rate, name) }

        func check(_ request: Request) throws(Problem) {
            tally.note(name)
            if refuses { throw Problem(.conflict, detail: name) }
        }

        func answer(to problem: Problem, of request: Request) -> Problem {
            tally.note("\(name) answers \(problem.kind.code)")
            return problem
        }
    }

    /// As ``Step``, of the decoded body.
    private struct BodyStep: BodyMiddleware {
        let tally: Tally
        var refuses = false
        var problems: [Problem.Kind] { [.conflict] }
        var summary: RequirementSummary { RequirementSummary(.rate, "body") }

        func applies(to body: any Payload.Type) -> Bool { body is Named.Type }
        func check(_ body: any Payload, of request: Request) throws(Problem) {
            tally.note("body of \((body as? Named)?.name ?? "-")")
            if refuses { throw Problem(.conflict, detail: "body") }
        }
    }

    private struct Empty: Payload {}
    private struct Named: Payload { let name: String }

    @Test func `steps run in the order declared, and the first refusal ends the request before the body is read`() async
    {
        let tally = Tally()
        func steps(refusing: String) -> (Step, Step, Step) {
            func step(_ name: String, _ phase: RequestPhase) -> Step {
                Step(name: name, phase: phase, tally: tally, refuses: name == refusing)
            }
            return (step("who", .identity), step("role", .account), step("plan", .entitlement))
        }
        let (a, b, c) = steps(refusing: "plan")
        let (d, e, f) = steps(refusing: "role")
        let (g, h, i) = steps(refusing: "none")
        let fixture = WebFixture([
            .post("refused/{id}", "Refuses late", requires: a, b, c, .path("id", of: Step.self)) {
                (_: Empty, _, _, _, _) in NoContent()
            },
            .post("early", "Refuses early", requires: d, e, f) { (_: Empty, _, _, _) in NoContent() },
            .post("passed", "Passes", requires: g, h, i) { (_: Empty, who, role, plan) in
                tally.note("handler \(who) \(role) \(plan)")
                return NoContent()
            },
        ])
        let refused = await fixture.post("/refused/no-id-at-all", "no JSON at all", contentType: "text/plain")
        #expect(refused.status == 409)
        #expect(refused["detail"] == "plan")
        #expect(tally.all == ["who", "role", "plan"])
        #expect(await fixture.post("/early", "").status == 409)
        #expect(tally.all.dropFirst(3) == ["who", "role"])
        #expect(await fixture.post("/passed", "[]").status == 422)
        #expect(await fixture.post("/passed", "{}").status == 204)
        #expect(tally.all.suffix(4) == ["who", "role", "plan", "handler who role plan"])
    }

    @Test func `middleware runs in its phase, behind the steps of that phase, in any order of addition`()
        async
    {
        let tally = Tally()
        func added(_ name: String, _ phase: RequestPhase) -> AddedStep {
            AddedStep(name: name, phase: phase, tally: tally)
        }
        let route = Route.post(
            "x", "X", requires: Step(name: "who", phase: .identity, tally: tally),
            Step(name: "plan", phase: .entitlement, tally: tally)
        ) { (_: Named, _, _) in
            tally.note("handler")
            return NoContent()
        }
        .guarded(by: BodyStep(tally: tally))
        .guarded(by: added("last", .entitlement))
        .guarded(by: added("rate", .rate))
        .guarded(by: added("network", .network))
        .guarded(by: added("identity", .identity))
        .guarded(by: added("disabled", .rate), isEnabled: false)
        let response = await WebFixture([route]).post("/x", #"{"name":"a"}"#)
        #expect(response.status == 204)
        #expect(
            tally.all == ["network", "who", "identity", "rate", "plan", "last", "body of a", "handler"])
        #expect(
            route.gate.map(\.tag) == [
                "rate:network", "step:who", "rate:identity", "rate:rate", "rate:disabled", "step:plan", "rate:last",
                "rate:body",
            ])
        #expect(route.steps.map(\.phase) == route.steps.map(\.phase).sorted())
        #expect(route.problems.contains(.overloaded) && route.problems.contains(.conflict))
    }

    @Test func `a check of the body runs between decoding and the handler, and middleware receives each refusal`()
        async
    {
        let tally = Tally()
        let route = Route.post("x", "X", requires: .public) { (_: Named, _) in
            tally.note("handler")
            return NoContent()
        }
        .guarded(by: BodyStep(tally: tally, refuses: true))
        .guarded(by: AddedStep(name: "rate", phase: .rate, tally: tally))
        let fixture = WebFixture([route])
        #expect(await fixture.post("/x", "{}").status == 422)
        #expect(tally.all == ["rate", "rate answers validation-failed"])
        #expect(await fixture.post("/x", #"{"name":"b"}"#).status == 409)
        #expect(tally.all.dropFirst(2) == ["rate", "body of b", "rate answers conflict"])
    }

    @Test func `a check of the body is no step of a route whose body it does not apply to`() {
        let route = Route.post("x", "X", requires: .public) { (_: Empty, _) in NoContent() }
            .guarded(by: BodyStep(tally: Tally()))
        #expect(route.gate.map(\.tag) == ["public"])
    }

    @Test func `a route that declares its requirements out of order does not start`() async {
        await #expect(processExitsWith: .failure) {
            let tally = Tally()
            _ = Route.get(
                "wrong", "Plan before identity",
                requires: Step(name: "plan", phase: .entitlement, tally: tally),
                Step(name: "who", phase: .identity, tally: tally)
            ) { _, _ in NoContent() }
        }
    }

    @Test func `two routes with one path do not start`() async {
        await #expect(processExitsWith: .failure) {
            _ = RouteTable([
                .get("a/{x}", "One", requires: .public, .path("x")) { _, _ in NoContent() },
                .get("a/{y}", "Another", requires: .public, .path("y")) { _, _ in NoContent() },
            ])
        }
    }

    @Test func `a route documents the problems of its gate`() {
        let route = Route.post(
            "x", "X", requires: .public, Step(name: "role", phase: .account, tally: Tally()),
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
