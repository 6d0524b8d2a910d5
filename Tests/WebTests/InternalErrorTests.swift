import Base
import HTTPTypes
import NIOCore
import Testing
import Web

/// Unexpected errors of handlers.
@Suite struct InternalErrorTests {
    private struct UnexpectedError: Error, CustomStringConvertible {
        var description: String { "SELECT secret FROM /var/lib/gatehouse failed" }
    }

    private struct Unencodable: Payload {
        var number = Double.nan
    }

    private let fixture = WebFixture([
        .get("unexpected", "Throws", requires: .public) { _ -> NoContent in throw UnexpectedError() },
        .get("wrapped", "Throws a problem with a cause", requires: .public) { _ -> NoContent in
            throw Problem(.overloaded, headers: ["Retry-After": "3"], cause: UnexpectedError())
        },
        .get("cancelled", "Is cancelled", requires: .public) { _ -> NoContent in throw CancellationError() },
        .get("unencodable", "Returns a value that JSON cannot represent", requires: .public) { _ in Unencodable() },
        .get("teapot", "Refuses", requires: .public) { _ -> NoContent in
            throw Problem(
                Problem.Kind("teapot", "I am a teapot", status: 418), detail: "Short and \"stout\".",
                members: ["handle": true, "code": "spout"],
                headers: ["X-Tea": "a\r\nSet-Cookie: b"])
        },
    ])

    @Test(arguments: ["/unexpected", "/unencodable", "/cancelled"])
    func `the response is 500 without the cause, and the log has the cause`(_ path: String) async throws {
        let response = await fixture.call("GET", path)
        #expect(response.status == 500)
        #expect(
            response.json == [
                "type": "/problems/internal-error", "title": "Something went wrong on our side", "status": 500,
                "detail": "Something went wrong on our side",
                "code": "internal-error", "request_id": .string(response.headers[.xRequestID] ?? ""),
                "error": "Something went wrong on our side",
            ]
        )
        let lines = try fixture.lines()
        #expect(lines.map { $0["level"]?.string } == ["error", "info"])
        #expect(lines[0]["request_id"]?.string == response.headers[.xRequestID])
        #expect(lines[0]["path"] == .string("/v1\(path)"))
        #expect(lines[0]["cause"]?.string?.isEmpty == false)
        if path == "/unexpected" { #expect(lines[0]["cause"] == "SELECT secret FROM /var/lib/gatehouse failed") }
    }

    @Test func `the cause of a problem is not in the response`() async throws {
        let response = await fixture.call("GET", "/wrapped")
        #expect(response.status == 503)
        #expect(response.headers[.retryAfter] == "3")
        #expect(!response.text.contains("SELECT"))
        #expect(try fixture.lines()[0]["cause"]?.string?.contains("SELECT") == true)
    }

    @Test func `a refusal is not logged as an error, and members do not replace the standard ones`() async throws {
        let response = await fixture.call("GET", "/teapot")
        #expect(response.status == 418)
        #expect(response.code == "teapot")
        #expect(response["handle"] == true)
        #expect(response["detail"] == "Short and \"stout\".")
        #expect(try fixture.lines().map { $0["level"]?.string } == ["info"])
        #expect(!response.headers.contains { $0.value.contains("\n") || $0.value.contains("\r") })
    }
}
