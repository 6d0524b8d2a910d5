import Base
import HTTPTypes
import Testing
import Web

@Suite struct RequestIDTests {
    private let house = WebFixture([.get("/health", "Root", requires: .public) { _ in NoContent() }])

    @Test(arguments: [
        "12345678", "0194c0de-1234-7abc-89ab-0123456789ab", "a.b_c-D-9", String(repeating: "x", count: 128), "00000000",
        "0x1234567", "1e5.......", "-infinity",
    ])
    func `a fit one is taken over, into the answer and the log`(_ id: String) async throws {
        let response = await house.call("GET", "/health", headers: ["X-Request-ID": id])
        #expect(response.headers[.xRequestID] == id)
        // Also where it looks like a number, or like half of one.
        #expect(try house.lines().map { $0["request_id"] } == [.string(id)])
    }

    @Test(arguments: [
        "", "short", String(repeating: "x", count: 129), "with space", "a\"b\"c\"d\"", "<script>", "näme-with-umlaut",
        "a;b;c;d;e", "../../../etc",
    ])
    func `another is replaced`(_ id: String) async throws {
        let response = await house.call("GET", "/nothing", headers: ["X-Request-ID": id])
        let given = try #require(response.headers[.xRequestID])
        #expect(given != id)
        #expect(UUIDText.isCanonical(given))
        #expect(response["request_id"] == .string(given))
    }

    @Test func `what is no request at all gets one too`() {
        let response = Answered(house.door.refuse(Problem(.invalidRequest)))
        #expect(response.status == 400)
        #expect(response["request_id"]?.string.map(UUIDText.isCanonical) == true)
    }
}
