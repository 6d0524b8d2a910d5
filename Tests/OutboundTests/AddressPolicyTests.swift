import Base
import Outbound
import Testing

@Suite struct AddressPolicyTests {
    private func allows(_ text: String, _ policy: AddressPolicy = .publicAddresses) throws -> Bool {
        policy.allows(try #require(NetworkAddress(text), "\(text)"))
    }

    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "99.255.255.255", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
        "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.0.1", "198.17.255.255", "198.20.0.0",
        "223.255.255.255", "2606:4700:4700::1111", "2001:200::1", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
    ])
    func `public addresses are allowed, also behind a mapping`(text: String) throws {
        #expect(try allows(text))
    }

    @Test(arguments: [
        // Loopback, this network, private.
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255",
        "192.168.0.1", "100.64.0.1", "100.127.255.255", "::", "::1", "fc00::1", "fdff::1", "fec0::1",
        // Link-local and metadata.
        "169.254.169.254", "169.254.170.2", "fe80::1", "fd00:ec2::254", "100.100.100.200", "168.63.129.16",
        "192.0.0.192",
        // Multicast, broadcast, reserved.
        "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "ff02::1", "100::1", "5f00::1", "4000::1",
        // Documentation and benchmarks.
        "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "2001:db8::1", "3fff::1",
        "2001:2::1",
        // Forms that hold an IPv4 address: mapped, compatible, translated, NAT64, 6to4, Teredo.
        "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:808:808::1", "2001:0:7f00:1::1",
        "192.88.99.1",
    ])
    func `addresses of special purpose are not allowed`(text: String) throws {
        #expect(try !allows(text))
    }

    @Test func `an operator allows ranges, and with true the loopback and private ones`() throws {
        let some = try AddressPolicy(privateNetworks: ["10.1.0.0/16", "fd00:1::/32", "127.0.0.1"])
        for text in ["10.1.2.3", "fd00:1::5", "127.0.0.1", "::ffff:10.1.2.3", "8.8.8.8"] {
            #expect(try allows(text, some))
        }
        for text in ["10.2.0.1", "fd00:2::5", "127.0.0.2", "192.168.0.1"] { #expect(try !allows(text, some)) }
        let all = try AddressPolicy(privateNetworks: ["true"])
        for text in ["10.2.0.1", "127.9.9.9", "192.168.1.1", "172.20.0.1", "::1", "fd00::1"] {
            #expect(try allows(text, all))
        }
        for text in ["169.254.169.254", "fe80::1", "0.0.0.0", "100.64.0.1", "224.0.0.1", "64:ff9b::10.0.0.1"] {
            #expect(try !allows(text, all))
        }
    }

    @Test(arguments: ["yes", "10.0.0.0/33", "10.0.0", "example.com", "false"])
    func `an entry that is no range is named`(entry: String) {
        let error = #expect(throws: AddressPolicy.ParseError.self) {
            try AddressPolicy(privateNetworks: ["10.0.0.0/8", entry])
        }
        #expect(error?.entry == entry)
    }
}
