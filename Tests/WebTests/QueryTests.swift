import Base
import Testing
import Web

@Suite struct QueryTests {
    private struct Seen: Payload {
        var limit: Int
        var kind: String?
        var text: String?
        var note: String?
    }

    private let fixture = WebFixture([
        .get(
            "things", "List",
            requires: .public, .query("limit", 1...50, default: 10), .query("kind", oneOf: ["a", "b"]),
            .query("text", upTo: 4), .header(.prefer, upTo: 8)
        ) { _, limit, kind, text, note in Seen(limit: limit, kind: kind, text: text, note: note) }
    ])

    @Test func `an absent parameter has its default`() async {
        #expect(await fixture.call("GET", "/things").json == ["limit": 10])
        let response = await fixture.call(
            "GET", "/things?limit=50&kind=b&text=%C3%A9+%2B&unknown=1", headers: ["Prefer": "wait=1"])
        #expect(response.json == ["limit": 50, "kind": "b", "text": "é +", "note": "wait=1"])
    }

    @Test(arguments: [
        ("limit=0", "/query/limit"), ("limit=51", "/query/limit"), ("limit=x", "/query/limit"),
        ("limit=", "/query/limit"), ("limit=1.0", "/query/limit"),
        ("limit=99999999999999999999", "/query/limit"), ("kind=c", "/query/kind"), ("kind=A", "/query/kind"),
        ("text=12345", "/query/text"),
        ("text=%00", "/query/text"),
    ])
    func `an invalid parameter is 422 with its pointer`(_ query: String, _ pointer: String) async {
        let response = await fixture.call("GET", "/things?\(query)")
        #expect(response.status == 422, "\(query)")
        #expect(response.faults.keys.map { $0 } == [pointer])
    }

    @Test func `a header that is too long is 400`() async {
        #expect(await fixture.call("GET", "/things", headers: ["Prefer": "much too long"]).code == "invalid-request")
    }
}
