import Base
import Testing

@Suite struct NetworkAddressTests {
    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", "1.2.3.4:80", "::1%eth0", "[::1]", ":::", "g::1", "unix",
        "1.2.3.4\0", "01.2.3.4x",
    ])
    func `an invalid address is nil`(_ text: String) { #expect(NetworkAddress(text) == nil) }

    @Test func `the spellings of an address are equal`() throws {
        #expect(try #require(NetworkAddress("2001:DB8:0:0::1")) == #require(NetworkAddress("2001:db8::1")))
        #expect(try #require(NetworkAddress("::ffff:192.0.2.1")) == #require(NetworkAddress("192.0.2.1")))
        #expect(try #require(NetworkAddress("::192.0.2.1")) != #require(NetworkAddress("192.0.2.1")))
    }

    @Test func `a network is an IPv4 address or an IPv6 /64`() throws {
        func network(_ text: String) throws -> NetworkRange { try #require(NetworkAddress(text)).network }
        #expect(try network("192.0.2.1") != network("192.0.2.2"))
        #expect(try network("2001:db8:1:2::1") == network("2001:db8:1:2:ffff:ffff:ffff:ffff"))
        #expect(try network("2001:db8:1:2::1") != network("2001:db8:1:3::1"))
        #expect(try network("2001:db8:1:2::1").description != network("2001:db8:1:3::1").description)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.9.9.9/8", "10.0.0.1", true),
        ("192.0.2.64/26", "192.0.2.127", true),
        ("192.0.2.64/26", "192.0.2.128", false), ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.0", false),
        ("0.0.0.0/0", "203.0.113.9", true),
        ("0.0.0.0/0", "::1", false), ("2001:db8::/33", "2001:db8:7fff::1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false),
        ("::ffff:10.0.0.0/104", "10.1.2.3", true), ("::1/128", "::1", true), ("::/0", "10.0.0.1", false),
    ])
    func `a range contains the addresses with its prefix`(_ range: String, _ address: String, _ isInside: Bool) throws {
        #expect(try #require(NetworkRange(range)).contains(#require(NetworkAddress(address))) == isInside)
    }

    @Test(arguments: [
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "::/129",
        "::ffff:10.0.0.0/8", "example.org/8",
    ])
    func `an invalid range is nil`(_ text: String) { #expect(NetworkRange(text) == nil) }
}
