import Base
import Testing
import Web

@Suite struct FormTests {
    private struct Entry: FormReadable {
        var name: String
        var longName: String?

        static let rules: [String: Rule] = ["name": .length(1...20)]
    }

    private let fixture = WebFixture([.post("entries", "Enter", requires: .public) { (entry: Entry, _) in entry }])

    @Test(arguments: [
        ("name=a+b", "a b"), ("name=a%20b&", "a b"), ("name=%C3%A9", "é"), ("name=a&name=b", "b"), ("&&name=a", "a"),
        ("name=a%2Bb", "a+b"), ("n%61me=a", "a"),
        ("name=a=b", "a=b"),
    ])
    func `a form is decoded like JSON`(_ text: String, _ name: String) async {
        let response = await fixture.post("/entries", text, contentType: "application/x-www-form-urlencoded")
        #expect(response.status == 200)
        #expect(response["name"] == .string(name))
    }

    @Test(arguments: [
        ("", "/name", "is required"), ("name=", "/name", "must not be empty"),
        ("name=%00", "/name", "must not contain a NUL character"),
        ("name=a&other=b", "/other", "is not a known field"),
        ("name=a&longName=b", "/longName", "is not a known field"),
        ("name=aaaaaaaaaaaaaaaaaaaaa", "/name", "must have at most 20 characters"),
    ])
    func `a form is validated against the same schema`(_ text: String, _ pointer: String, _ detail: String) async {
        let response = await fixture.post("/entries", text, contentType: "application/x-www-form-urlencoded")
        #expect(response.status == 422)
        #expect(response.faults == [pointer: detail])
    }

    @Test(arguments: ["name=%ff", "name=%", "name=a&%zz=b"])
    func `a form that is not percent-encoded UTF-8 is 400`(_ text: String) async {
        let response = await fixture.post("/entries", text, contentType: "application/x-www-form-urlencoded")
        #expect(response.status == 400 && response.code == "invalid-request", "\(response)")
    }
}
