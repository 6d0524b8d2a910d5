/// The keys that requests to AWS are signed with. Descriptions and dumps do not contain them.
package struct AWSCredentials: Sendable, Hashable {
    /// A key that no service of AWS issues. The description contains no part of it.
    package enum Fault: Error, Sendable, Hashable, CustomStringConvertible {
        case accessKeyID
        case secretAccessKey
        case sessionToken

        package var description: String {
            switch self {
            case .accessKeyID: "is no access key id: 16 to 128 letters A–Z and digits, such as AKIA…"
            case .secretAccessKey: "is no secret access key: 16 to 128 letters, digits, + and /"
            case .sessionToken: "is no session token: up to 8,192 letters, digits, +, / and ="
            }
        }
    }

    package let accessKeyID: String
    package let secretAccessKey: String
    /// Of temporary credentials, which STS issues.
    package let sessionToken: String?

    /// Each of them becomes part of a header field or of a key, so that no other character is accepted.
    package init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) throws(Fault) {
        guard (16...128).contains(accessKeyID.utf8.count), accessKeyID.utf8.allSatisfy(Self.isCapitalOrDigit) else {
            throw .accessKeyID
        }
        guard (16...128).contains(secretAccessKey.utf8.count), secretAccessKey.utf8.allSatisfy(Self.isBase64) else {
            throw .secretAccessKey
        }
        if let sessionToken {
            guard (1...8_192).contains(sessionToken.utf8.count), sessionToken.utf8.allSatisfy(Self.isBase64) else {
                throw .sessionToken
            }
        }
        self.init(trusted: accessKeyID, secretAccessKey: secretAccessKey, sessionToken: sessionToken)
    }

    init(trusted accessKeyID: String, secretAccessKey: String, sessionToken: String?) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
    }

    /// `text` without these keys: services repeat what was sent in messages of errors.
    func removed(from text: String) -> String {
        [secretAccessKey, sessionToken, accessKeyID].compactMap { $0 }.reduce(text) { $0.replacing($1, with: "…") }
    }

    private static func isCapitalOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        isCapitalOrDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || [UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "-"), UInt8(ascii: "_")]
                .contains(byte)
    }
}

extension AWSCredentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "AWS credentials" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
