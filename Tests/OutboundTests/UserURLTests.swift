import Outbound
import Testing

@Suite struct UserURLTests {
    @Test(arguments: [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM:443/Path?q=%20&r=1", "https://example.com/Path?q=%20&r=1"),
        ("http://example.com.:80", "http://example.com/"),
        ("https://example.com?a=b", "https://example.com/?a=b"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://LOCALHOST./x", "https://localhost/x"),
        ("http://127.0.0.1:9000/", "http://127.0.0.1:9000/"),
        ("https://[2001:DB8:0:0:0:0:0:1]:8443/", "https://[2001:db8::1]:8443/"),
        ("https://[::ffff:127.0.0.1]/", "https://127.0.0.1/"),
        ("http://127.0.0.1./", "http://127.0.0.1/"), ("http://１２７.0.0.1/", "http://127.0.0.1/"),
        ("http://127。0。0。1/", "http://127.0.0.1/"),
        ("https://example.com//@a:b/", "https://example.com//@a:b/"),
    ])
    func `a URL has one spelling`(text: String, canonical: String) throws {
        let url = try UserURL(text)
        #expect(url.description == canonical)
        #expect(try UserURL(url.description) == url)
    }

    @Test(arguments: [
        ("ftp://example.com/", UserURL.Fault.scheme), ("file:///etc/passwd", .scheme), ("example.com", .scheme),
        ("//example.com/", .scheme), (" https://example.com/", .scheme), ("unix://a", .scheme),
        ("http+unix://%2Fvar%2Frun/", .scheme), ("javascript:alert(1)//", .scheme),
        // User names, and what parsers take for them.
        ("https://user@example.com/", .credentials), ("https://user:password@example.com/", .credentials),
        ("https://example.com@127.0.0.1/", .credentials), ("https://example.com%40127.0.0.1/", .host),
        ("https://example.com\\@127.0.0.1/", .malformed), ("https://127.0.0.1\\.example.com/", .malformed),
        ("https://example.com#@127.0.0.1/", .fragment), ("https://example.com/#a", .fragment),
        // Other spellings of 127.0.0.1.
        ("http://2130706433/", .host), ("http://0x7f000001/", .host), ("http://017700000001/", .host),
        ("http://127.1/", .host), ("http://0177.0.0.1/", .host), ("http://0x7f.0.0.1/", .host),
        ("http://127.0.0.0x1/", .host), ("http://127.0.0.01/", .host),
        ("http://①②⑦.1/", .host),
        ("http://[::1%25eth0]/", .host), ("http://[fe80::1%eth0]/", .host), ("http://[127.0.0.1]/", .host),
        ("http://[::1]x/", .host), ("http://[::1", .host), ("http://::1/", .host), ("http://[]/", .host),
        // Hosts.
        ("https:///path", .host), ("https://", .host), ("https://./", .host), ("https://a..b/", .host),
        ("https://-a.example/", .host), ("https://a_b.example/", .host), ("https://exa mple.com/", .host),
        ("https://example.com\u{0}.evil/", .host), ("https://%65xample.com/", .host), ("https://ex\tample.com/", .host),
        ("https://\(String(repeating: "a", count: 64)).com/", .host),
        // Ports.
        ("https://example.com:22/", .port), ("https://example.com:25/", .port), ("https://example.com:6379/", .port),
        ("https://example.com:0/", .port), ("https://example.com:65536/", .port), ("https://example.com:/", .port),
        ("https://example.com:+443/", .port), ("https://example.com:443:443/", .port),
        ("https://example.com:４４３/", .port), ("https://example.com:000443/", .port),
        // Paths.
        ("https://example.com/a b", .malformed), ("https://example.com/a\r\nHost: b", .malformed),
        ("https://example.com/%zz", .malformed), ("https://example.com/%4", .malformed),
        ("https://example.com/ä", .malformed), ("https://example.com/<", .malformed),
        ("https://example.com/" + String(repeating: "a", count: 2_048), .tooLong),
    ])
    func `what is no URL, or not one that is requested, is refused with its reason`(text: String, fault: UserURL.Fault)
    {
        #expect(throws: fault) { try UserURL(text) }
    }
}
