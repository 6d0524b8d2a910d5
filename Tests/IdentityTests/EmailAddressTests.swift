import Base
import DomainNames
import Modules
import TestKit
import Testing

@testable import Identity

/// E-mail addresses with internationalised domains are compared by their A-labels.
@Suite struct EmailAddressTests {
    @Test(arguments: [
        ("anna@bücher.example", "anna@xn--bcher-kva.example"),
        ("Anna@BÜCHER.example", "anna@xn--bcher-kva.example"),
        ("anna@XN--BCHER-KVA.Example", "anna@xn--bcher-kva.example"),
        ("anna@bu\u{308}cher.example", "anna@xn--bcher-kva.example"),
        ("anna@ｂüｃｈｅｒ.example", "anna@xn--bcher-kva.example"),
        ("иван@почта.рф", "иван@xn--80a1acny.xn--p1ai"),
        ("anna@Example.ORG", "anna@example.org"),
        ("anna@r3---a.example.org", "anna@r3---a.example.org"),
        // Non-transitional: `ß` and the final sigma are letters of their own.
        ("anna@straße.example", "anna@xn--strae-oqa.example"),
        ("anna@σς.example", "anna@xn--3xab.example"),
    ])
    func `an address has the key of its A-labels`(_ text: String, _ key: String) throws {
        #expect(try EmailAddress(reading: text, at: "/email").key == key)
        #expect(CanonicalText.accountKey(of: text) == key)
        // A key is its own key.
        #expect(EmailAddress(key)?.key == key)
    }

    @Test func `the text keeps the spelling that mail is sent to`() throws {
        #expect(EmailAddress("Anna@Bücher.example")?.text == "Anna@Bücher.example")
        #expect(EmailAddress("anna@xn--bcher-kva.example")?.text == "anna@xn--bcher-kva.example")
    }

    @Test(arguments: [
        // No A-label, or one of another spelling than its own.
        "anna@xn--zzzzzz.example", "anna@xn--.example", "anna@xn--bcher-kv-.example",
        // Not allowed by IDNA2008, or not a name of the DNS.
        "anna@i❤.example", "anna@ü_b.example", "anna@a_b.example", "anna@-ü.example", "anna@example.org.",
        "anna@\(String(repeating: "ü", count: 60)).example",
        // A mix of scripts, as U-label and as A-label.
        "anna@ex\u{0430}mple.org", "anna@xn--exmple-4nf.org",
    ])
    func `what is not a domain name is refused`(_ text: String) {
        #expect(EmailAddress(text) == nil)
    }

    @Test(arguments: [
        "a@x>", "anna@example.org>", "<anna@example.org", "<anna@example.org>", "anna>@example.org",
        "anna@exa>mple.org", "anna,ben@example.org", "anna;ben@example.org", "mailto:anna@example.org",
        "anna(work)@example.org", "\"anna\"@example.org", "anna\\@example.org", "anna@[192.0.2.1]",
        "anna＞@example.org",
    ])
    func `what delimits addresses in texts is refused`(_ text: String) {
        #expect(EmailAddress(text) == nil)
    }

    @Test(arguments: ["bücher.example", "日本語.jp", "правда.рф", "example.org", "straße.example"])
    func `a domain name is the same after both conversions`(_ name: String) throws {
        let ascii = try #require(DomainName.ascii(name))
        #expect(DomainName.unicode(ascii) == name)
        #expect(DomainName.ascii(ascii) == ascii)
    }

    @Test func `a user name without a domain is compared as before`() {
        #expect(CanonicalText.accountKey(of: "Ａnna") == "anna")
        #expect(CanonicalText.accountKey(of: "anna@") == "anna@")
        #expect(CanonicalText.accountKey(of: "") == "")
    }

    @Test(arguments: Engine.available)
    func `both spellings of a domain are one account`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let unicode = "anna@bücher.example"
            let ascii = "anna@xn--bcher-kva.example"
            let registration: (String) -> JSONValue = {
                ["email": .string($0), "password": .string(TestApp.password)]
            }
            #expect(await app.call("POST", "/v1/auth/register", json: registration(unicode)).status == 201)
            let duplicate = await app.call("POST", "/v1/auth/register", json: registration(ascii))
            #expect(duplicate.status == 409)
            #expect(duplicate.code == "account-exists")
            for spelling in [unicode, ascii, "ANNA@BÜCHER.EXAMPLE", "anna@XN--BCHER-KVA.example"] {
                #expect(await app.signIn(spelling, TestApp.password).status == 200, "\(spelling)")
            }
        }
    }
}
