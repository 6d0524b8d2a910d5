import Base
import HTTPTypes
import NIOCore
import Testing
import Web

/// What happens when a handler does something that nobody planned.
@Suite struct InternalErrorTests {
    private struct Mishap: Error, CustomStringConvertible {
        var description: String { "SELECT secret FROM /var/lib/gatehouse failed" }
    }

    private struct Unwritable: Payload {
        var number = Double.nan
    }

    private let house = WebFixture([
        .get("mishap", "Throws", requires: .public) { _ -> NoContent in throw Mishap() },
        .get("wrapped", "Throws a problem with a cause", requires: .public) { _ -> NoContent in
            throw Problem(.overloaded, headers: ["Retry-After": "3"], cause: Mishap())
        },
        .get("cancelled", "Is cancelled", requires: .public) { _ -> NoContent in throw CancellationError() },
        .get("unwritable", "Answers with what JSON cannot say", requires: .public) { _ in Unwritable() },
        .get("teapot", "Refuses", requires: .public) { _ -> NoContent in
            throw Problem(
                Problem.Kind("teapot", "I am a teapot", status: 418), detail: "Short and \"stout\".",
                members: ["handle": true, "code": "spout"],
                headers: ["X-Tea": "a\r\nSet-Cookie: b"])
        },
    ])

    @Test(arguments: ["/mishap", "/unwritable", "/cancelled"])
    func `the client learns that it was us, and the log learns why`(_ path: String) async throws {
        let response = await house.call("GET", path)
        #expect(response.status == 500)
        #expect(
            response.json == [
                "type": "/problems/internal-error", "title": "Something went wrong on our side", "status": 500,
                "detail": "Something went wrong on our side",
                "code": "internal-error", "request_id": .string(response.headers[.xRequestID] ?? ""),
                "error": "Something went wrong on our side",
            ]
        )
        let lines = try house.lines()
        #expect(lines.map { $0["level"]?.string } == ["error", "info"])
        #expect(lines[0]["request_id"]?.string == response.headers[.xRequestID])
        #expect(lines[0]["path"] == .string("/v1\(path)"))
        #expect(lines[0]["cause"]?.string?.isEmpty == false)
        if path == "/mishap" { #expect(lines[0]["cause"] == "SELECT secret FROM /var/lib/gatehouse failed") }
    }

    @Test func `a cause is never told`() async throws {
        let response = await house.call("GET", "/wrapped")
        #expect(response.status == 503)
        #expect(response.headers[.retryAfter] == "3")
        #expect(!response.text.contains("SELECT"))
        #expect(try house.lines()[0]["cause"]?.string?.contains("SELECT") == true)
    }

    @Test func `a refusal is no error of ours, and no member displaces the standard ones`() async throws {
        let response = await house.call("GET", "/teapot")
        #expect(response.status == 418)
        #expect(response.code == "teapot")
        #expect(response["handle"] == true)
        #expect(response["detail"] == "Short and \"stout\".")
        #expect(try house.lines().map { $0["level"]?.string } == ["info"])
        #expect(!response.headers.contains { $0.value.contains("\n") || $0.value.contains("\r") })
    }
}
