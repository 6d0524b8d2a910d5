import Foundation
package import Modules
import Secrets

/// A signed statement of how far the trail reached at a time. A copy kept elsewhere shows later that nothing before it was changed,
/// and that the database was not put back to an earlier state.
package struct AuditCheckpoint: Sendable, Hashable, Codable {
    /// The last row of a shard.
    package struct Head: Sendable, Hashable, Codable {
        package let shard: Int64
        package let sequence: Int64
        package let hash: String
    }

    /// 1 for the first, without a gap.
    package let number: Int64
    package let at: Instant
    /// How many rows there were, in all shards.
    package let count: Int64
    package let heads: [Head]
    /// The digest of the checkpoint before it.
    package let previous: String
    /// Which key signed it.
    package let key: String
    /// Ed25519, as hexadecimal text.
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
        let read = (try? JSONDecoder().decode([Head].self, from: Data(text.utf8))) ?? []
        // Another spelling of the same is a change too.
        heads = try Self.text(of: read) == text ? read : []
        previous = try row["previous"]
        key = try row["key_id"]
        signature = try row["signature"]
    }

    /// Reads the JSON that a log line or an export holds.
    package init(json: String) throws(Problem) {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(json.utf8))
        } catch {
            throw Problem(
                .invalidRequest,
                detail:
                    "This is not a checkpoint: a JSON object with number, at, count, heads, previous, key and signature is expected."
            )
        }
    }

    /// As log lines and exports hold it, on one line.
    package var json: String {
        get throws { try Self.text(of: self) }
    }

    var headsText: String {
        get throws { try Self.text(of: heads) }
    }

    /// What is signed.
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

    /// By which the next one names this one.
    var digest: String { Hex.encode(Digest.sha256(statement + Array(signature.utf8))) }

    /// Whether one of `keys`, public halves by id, signed this.
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
