import Base
import HTTPTypes
import NIOCore
import Testing
import Web

/// What happens when a handler does something that nobody planned.
@Suite struct SurpriseTests {
    private struct Mishap: Error, CustomStringConvertible { var description: String { "SELECT secret FROM /var/lib/gatehouse failed" } }

    private struct Unwritable: Payload {
        var number = Double.nan
    }

    private let house = House([
        .get("mishap", "Throws", requires: .public) { _ -> Nothing in throw Mishap() },
        .get("wrapped", "Throws a problem with a cause", requires: .public) { _ -> Nothing in
            throw Problem(.overloaded, headers: ["Retry-After": "3"], cause: Mishap())
        },
        .get("cancelled", "Is cancelled", requires: .public) { _ -> Nothing in throw CancellationError() },
        .get("unwritable", "Answers with what JSON cannot say", requires: .public) { _ in Unwritable() },
        .get("teapot", "Refuses", requires: .public) { _ -> Nothing in
            throw Problem(
                Problem.Kind("teapot", "I am a teapot", status: 418), detail: "Short and \"stout\".", members: ["handle": true, "code": "spout"],
                headers: ["X-Tea": "a\r\nSet-Cookie: b"])
        },
    ])

    @Test(arguments: ["/mishap", "/unwritable", "/cancelled"])
    func `the client learns that it was us, and the log learns why`(_ path: String) async throws {
        let reply = await house.call("GET", path)
        #expect(reply.status == 500)
        #expect(
            reply.json == [
                "type": "/problems/internal-error", "title": "Something went wrong on our side", "status": 500, "detail": "Something went wrong on our side",
                "code": "internal-error", "request_id": .string(reply.headers[.xRequestID] ?? ""), "error": "Something went wrong on our side",
            ]
        )
        let lines = try house.lines()
        #expect(lines.map { $0["level"]?.string } == ["error", "info"])
        #expect(lines[0]["request_id"]?.string == reply.headers[.xRequestID])
        #expect(lines[0]["path"] == .string("/v1\(path)"))
        #expect(lines[0]["cause"]?.string?.isEmpty == false)
        if path == "/mishap" { #expect(lines[0]["cause"] == "SELECT secret FROM /var/lib/gatehouse failed") }
    }

    @Test func `a cause is never told`() async throws {
        let reply = await house.call("GET", "/wrapped")
        #expect(reply.status == 503)
        #expect(reply.headers[.retryAfter] == "3")
        #expect(!reply.text.contains("SELECT"))
        #expect(try house.lines()[0]["cause"]?.string?.contains("SELECT") == true)
    }

    @Test func `a refusal is no error of ours, and no member displaces the standard ones`() async throws {
        let reply = await house.call("GET", "/teapot")
        #expect(reply.status == 418)
        #expect(reply.code == "teapot")
        #expect(reply["handle"] == true)
        #expect(reply["detail"] == "Short and \"stout\".")
        #expect(try house.lines().map { $0["level"]?.string } == ["info"])
        #expect(!reply.headers.contains { $0.value.contains("\n") || $0.value.contains("\r") })
    }
}
