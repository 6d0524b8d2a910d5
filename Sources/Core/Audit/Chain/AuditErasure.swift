import Foundation
import Modules
import Secrets

/// What a row keeps of fields that were erased: enough for the chain to hold, and nothing to find the value by.
struct AuditErasure: Sendable, Hashable, Codable {
    struct Field: Sendable, Hashable, Codable {
        /// The salted hash that the chain was made with; the salt is gone.
        let commitment: String
        /// The event that tells of the erasure.
        let by: String
    }

    var fields: [String: Field] = [:]
    /// The salts of the fields that remain.
    var salts: [String: String] = [:]

    /// - Returns: nil unless `text` is an erasure in its one spelling.
    init?(_ text: String) {
        guard let erasure = try? JSONDecoder().decode(Self.self, from: Data(text.utf8)), (try? erasure.text) == text
        else { return nil }
        let names = Set(PersonalField.allCases.map(\.rawValue))
        guard !erasure.fields.isEmpty, names.isSuperset(of: erasure.fields.keys),
            names.isSuperset(of: erasure.salts.keys),
            Set(erasure.fields.keys).isDisjoint(with: erasure.salts.keys),
            // One spelling here too: a digit's other case would be a change that the chain does not see.
            (erasure.fields.values.map(\.commitment) + erasure.salts.values).allSatisfy({
                Hex.decode($0).map(Hex.encode) == $0
            })
        else { return nil }
        self = erasure
    }

    /// That of a row of which nothing was erased so far.
    init(beginningWith row: AuditRow) {
        for field in row.personal.keys { salts[field.rawValue] = Hex.encode(AuditRow.salt(of: field, row.salt)) }
    }

    var text: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }
}

extension AuditRow {
    /// Takes fields away and puts `replacements` in their place; fields that are empty or were erased before stay as they are.
    /// - Returns: the fields that were erased, in their order.
    mutating func erase(_ replacements: [PersonalField: String?], by event: String) throws -> [PersonalField] {
        var erasure: AuditErasure
        if let text = self.erasure {
            // A row that somebody tampered with is left for verification to find.
            guard let present = AuditErasure(text) else { return [] }
            erasure = present
        } else {
            erasure = AuditErasure(beginningWith: self)
        }
        // Links and commitments are those of before, whatever is replaced meanwhile.
        let before = erasure
        var erased: [PersonalField] = []
        for field in PersonalField.allCases {
            guard let replacement = replacements[field], before.fields[field.rawValue] == nil,
                let commitment = commitment(to: field, before)
            else { continue }
            erasure.fields[field.rawValue] = AuditErasure.Field(commitment: Hex.encode(commitment), by: event)
            erasure.salts[field.rawValue] = nil
            personal[field] = replacement
            erased.append(field)
        }
        guard !erased.isEmpty else { return [] }
        self.erasure = try erasure.text
        salt = ""
        return erased
    }
}

/// Everything that one erasure took away, as one digest: what the event of the erasure says, and what verification counts again.
struct ErasedFields {
    private var digest = Digest()
    private(set) var rows: Int64 = 0
    private(set) var fields: Int64 = 0
    private var last: AuditChainPosition?

    /// Rows come in the order of their places.
    mutating func add(_ row: AuditRow, _ field: PersonalField) {
        var bytes = CanonicalBytes("gatehouse audit erased 1")
        bytes.append(row.shard)
        bytes.append(row.sequence)
        bytes.append(field.rawValue)
        bytes.append(row.personal[field])
        digest.update(bytes.bytes)
        fields += 1
        if last != row.place { rows += 1 }
        last = row.place
    }

    /// What the event of the erasure tells.
    var details: [String: String] { ["rows": "\(rows)", "fields": "\(fields)", "digest": digest.hex()] }
}
