import AWS
import Testing

@Suite struct AWSCredentialsTests {
    private static let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

    @Test func `descriptions and dumps contain no key`() throws {
        let credentials = try AWSCredentials(
            accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: Self.secret, sessionToken: "IQoJb3JpZ2luX2VjEXAMPLE=="
        )
        var dumped = ""
        dump(credentials, to: &dumped)
        for text in [
            "\(credentials)", String(reflecting: credentials), dumped, "\([credentials])",
            "\(Optional(credentials) as Any)",
        ] {
            for key in ["AKIAIOSFODNN7EXAMPLE", Self.secret, "IQoJb3JpZ2luX2VjEXAMPLE"] { #expect(!text.contains(key)) }
        }
    }

    @Test(
        arguments: [
            ("", secret, nil, .accessKeyID), ("AKIA", secret, nil, .accessKeyID),
            ("AKIAIOSFODNN7EXAMPLE\r\nX: y", secret, nil, .accessKeyID),
            ("akiaiosfodnn7example", secret, nil, .accessKeyID),
            (String(repeating: "A", count: 129), secret, nil, .accessKeyID),
            ("AKIAIOSFODNN7EXAMPLE", "", nil, .secretAccessKey), ("AKIAIOSFODNN7EXAMPLE", "a b", nil, .secretAccessKey),
            ("AKIAIOSFODNN7EXAMPLE", secret + "é", nil, .secretAccessKey),
            ("AKIAIOSFODNN7EXAMPLE", secret, "", .sessionToken),
            ("AKIAIOSFODNN7EXAMPLE", secret, "token\n", .sessionToken),
            ("AKIAIOSFODNN7EXAMPLE", secret, String(repeating: "a", count: 8_193), .sessionToken),
        ] as [(String, String, String?, AWSCredentials.Fault)])
    func `a key that AWS does not issue is refused, and the fault does not repeat it`(
        _ id: String, _ secret: String, _ token: String?, _ fault: AWSCredentials.Fault
    ) {
        #expect(throws: fault) {
            try AWSCredentials(accessKeyID: id, secretAccessKey: secret, sessionToken: token)
        }
        #expect(secret.isEmpty || !fault.description.contains(secret))
    }

    @Test func `a region is one of the known ones`() {
        #expect(AWSRegion("ap-south-1")?.name == "ap-south-1")
        for name in [
            "", "ap-south-9", "AP-SOUTH-1", "ap-south-1.evil.example", "evil.example/#ap-south-1", "us-east-1 ",
        ] {
            #expect(AWSRegion(name) == nil)
        }
    }

    @Test func `an endpoint is a host and a port`() throws {
        for url in ["http://127.0.0.1:5000", "http://127.0.0.1:5000/", "https://aws.example"] {
            #expect(throws: Never.self) { try AWSEndpoint(url: url) }
        }
        for url in [
            "", "127.0.0.1:5000", "ftp://aws.example", "http://", "http://user:password@aws.example",
            "http://aws.example/path", "http://aws.example?query", "http://aws.example#fragment",
        ] {
            #expect(throws: AWSEndpoint.ParseError.self) { try AWSEndpoint(url: url) }
        }
    }
}
