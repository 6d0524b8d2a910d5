import Base
import HTTPTypes
import Testing
import Web

@Suite struct RequestIDTests {
    private let fixture = WebFixture([.get("/health", "Root", requires: .public) { _ in NoContent() }])

    @Test(arguments: [
        "12345678", "0194c0de-1234-7abc-89ab-0123456789ab", "a.b_c-D-9", String(repeating: "x", count: 128), "00000000",
        "0x1234567", "1e5.......", "-infinity",
    ])
    func `a valid request id of the client is used in the response and the log`(_ id: String) async throws {
        let response = await fixture.call("GET", "/health", headers: ["X-Request-ID": id])
        #expect(response.headers[.xRequestID] == id)
        // It stays a string where it looks like a number.
        #expect(try fixture.lines().map { $0["request_id"] } == [.string(id)])
    }

    @Test(arguments: [
        "", "short", String(repeating: "x", count: 129), "with space", "a\"b\"c\"d\"", "<script>", "näme-with-umlaut",
        "a;b;c;d;e", "../../../etc",
    ])
    func `an invalid request id is replaced`(_ id: String) async throws {
        let response = await fixture.call("GET", "/nothing", headers: ["X-Request-ID": id])
        let given = try #require(response.headers[.xRequestID])
        #expect(given != id)
        #expect(UUIDText.isCanonical(given))
        #expect(response["request_id"] == .string(given))
    }

    @Test func `a response to malformed HTTP has a request id`() {
        let response = TestedResponse(fixture.dispatcher.refuse(Problem(.invalidRequest)))
        #expect(response.status == 400)
        #expect(response["request_id"]?.string.map(UUIDText.isCanonical) == true)
    }
}
