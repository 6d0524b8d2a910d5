import Modules
import Secrets

/// The signed last line of an exported history: which object it is about, how many rows it has, and the digest of all
/// lines before it.
struct AuditHistoryStatement: Sendable, Hashable {
    let subject: String
    let organisation: String
    /// When the rows were selected.
    let at: Instant
    let count: Int64
    /// SHA-256 of the lines before it with their line feeds, in hexadecimal.
    let digest: String
    /// The id of the key that signed it.
    let key: String
    /// Ed25519, in hexadecimal.
    private(set) var signature = ""

    init(
        subject: String, organisation: String, at: Instant, count: Int64, digest: String,
        signedWith key: AuditSigningKey
    ) throws {
        self.subject = subject
        self.organisation = organisation
        self.at = at
        self.count = count
        self.digest = digest
        self.key = key.id.text
        signature = Hex.encode(try key.key.signature(of: statement))
    }

    /// - Returns: nil for a line of another kind.
    init?(exported line: JSONValue) {
        guard let members = line["export"], let subject = members["subject"]?.string,
            let organisation = members["organisation_id"]?.string, let at = members["at"]?.integer,
            let count = members["count"]?.integer, let digest = members["digest"]?.string,
            let key = members["key"]?.string, let signature = members["signature"]?.string
        else { return nil }
        self.subject = subject
        self.organisation = organisation
        self.at = Instant(microseconds: at)
        self.count = count
        self.digest = digest
        self.key = key
        self.signature = signature
    }

    var exported: JSONValue {
        [
            "export": [
                "subject": .string(subject), "organisation_id": .string(organisation), "at": .integer(at.microseconds),
                "count": .integer(count), "digest": .string(digest), "key": .string(key),
                "signature": .string(signature),
            ]
        ]
    }

    /// The bytes that are signed.
    private var statement: [UInt8] {
        var bytes = CanonicalBytes("gatehouse audit history 1")
        bytes.append(subject)
        bytes.append(organisation)
        bytes.append(at.microseconds)
        bytes.append(count)
        bytes.append(digest)
        bytes.append(key)
        return bytes.bytes
    }

    /// - Parameter publicKey: 32 bytes.
    func isGenuine(under publicKey: [UInt8]) -> Bool {
        guard let bytes = Hex.decode(signature), Hex.encode(bytes) == signature else { return false }
        return Ed25519Key.isValid(bytes, of: statement, by: publicKey)
    }
}
