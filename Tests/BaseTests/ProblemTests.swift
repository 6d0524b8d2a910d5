import Base
import Testing

@Suite struct ProblemTests {
    private struct Failure: Error {}

    @Test func `an error that is not a problem becomes an internal error with its cause`() async {
        do {
            try await Problem.catching { throw Failure() }
            Issue.record("nothing was thrown")
        } catch {
            #expect(error.kind == .internalError)
            #expect(error.cause is Failure)
        }
    }

    @Test func `a problem is thrown unchanged`() async {
        do {
            try await Problem.catching { throw Problem(.notFound, detail: "Not here.") }
            Issue.record("nothing was thrown")
        } catch {
            #expect(error.kind == .notFound)
            #expect(error.description == "not-found (404): Not found — Not here.")
        }
    }

    @Test func `a validation problem lists every fault of a body`() {
        let problem = Problem.invalid([.init("/a", "is required"), .init("", "must be an object")])
        #expect(problem.kind.status == 422)
        #expect(problem.detail == "/a is required")
        #expect(
            problem.members["errors"] == [
                ["pointer": "/a", "detail": "is required"], ["pointer": "", "detail": "must be an object"],
            ])
        #expect(Problem.invalid("", "must be an object").detail == "The body must be an object")
    }
}
