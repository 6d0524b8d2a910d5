import Foundation
package import Modules
import Secrets

/// A signed statement of the last row of every shard at a point in time. A copy outside of the database proves later
/// that no row before it was changed and that the database was not reset to an earlier state.
package struct AuditCheckpoint: Sendable, Hashable, Codable {
    /// The last row of a shard.
    package struct Head: Sendable, Hashable, Codable {
        package let shard: Int64
        package let sequence: Int64
        package let hash: String
    }

    /// Starts at 1, without gaps.
    package let number: Int64
    package let at: Instant
    /// The number of rows in all shards.
    package let count: Int64
    package let heads: [Head]
    /// The digest of the previous checkpoint.
    package let previous: String
    /// The id of the key that signed it.
    package let key: String
    /// Ed25519, in hexadecimal.
    package private(set) var signature: String

    init(number: Int64, at instant: Instant, heads: [Head], previous: String, signedWith key: AuditSigningKey) throws {
        self.number = number
        at = instant
        count = heads.reduce(0) { $0 + $1.sequence }
        self.heads = heads
        self.previous = previous
        self.key = key.id.text
        signature = ""
        signature = Hex.encode(try key.key.signature(of: statement))
    }

    init(row: Row) throws {
        number = try row["number"]
        at = try row["at"]
        count = try row["count"]
        let text: String = try row["heads"]
        let decoded = (try? JSONDecoder().decode([Head].self, from: Data(text.utf8))) ?? []
        // Only the canonical JSON is accepted: another spelling of the same heads is a change too.
        heads = try Self.text(of: decoded) == text ? decoded : []
        previous = try row["previous"]
        key = try row["key_id"]
        signature = try row["signature"]
    }

    /// Decodes the JSON of a log line or an export.
    /// - Throws: `invalid-request`.
    package init(json: String) throws(Problem) {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(json.utf8))
        } catch {
            throw Problem(
                .invalidRequest,
                detail: "This is not a checkpoint: a JSON object with number, at, count, heads, previous, key and "
                    + "signature is expected.")
        }
    }

    /// The JSON that log lines and exports contain, on one line.
    package var json: String {
        get throws { try Self.text(of: self) }
    }

    var headsText: String {
        get throws { try Self.text(of: heads) }
    }

    /// The bytes that are signed.
    var statement: [UInt8] {
        var bytes = CanonicalBytes("gatehouse audit checkpoint 1")
        bytes.append(number)
        bytes.append(at.microseconds)
        bytes.append(count)
        bytes.append(Int64(heads.count))
        for head in heads {
            bytes.append(head.shard)
            bytes.append(head.sequence)
            bytes.append(head.hash)
        }
        bytes.append(previous)
        bytes.append(key)
        return bytes.bytes
    }

    /// The digest that the next checkpoint refers to.
    var digest: String { Hex.encode(Digest.sha256(statement + Array(signature.utf8))) }

    /// Whether one of `keys` signed this checkpoint.
    /// - Parameter keys: public keys by id.
    func isGenuine(under keys: [String: [UInt8]]) -> Bool {
        guard let key = keys[key], let bytes = Hex.decode(signature), Hex.encode(bytes) == signature else {
            return false
        }
        return Ed25519Key.isValid(bytes, of: statement, by: key)
    }

    private static func text(of value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
