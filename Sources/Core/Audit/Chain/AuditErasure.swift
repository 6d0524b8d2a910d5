import Foundation
import Modules
import Secrets

/// What a row keeps of its erased fields: the commitments that the chain needs, from which the values cannot be
/// recovered.
struct AuditErasure: Sendable, Hashable, Codable {
    struct Field: Sendable, Hashable, Codable {
        /// The salted hash that the row's link was computed with. The salt is deleted.
        let commitment: String
        /// The id of the event that records the erasure.
        let by: String
    }

    var fields: [String: Field] = [:]
    /// The salts of the fields that remain.
    var salts: [String: String] = [:]

    /// - Returns: nil unless `text` is an erasure in canonical JSON.
    init?(_ text: String) {
        guard let erasure = try? JSONDecoder().decode(Self.self, from: Data(text.utf8)), (try? erasure.text) == text
        else { return nil }
        let names = Set(PersonalField.allCases.map(\.rawValue))
        guard !erasure.fields.isEmpty, names.isSuperset(of: erasure.fields.keys),
            names.isSuperset(of: erasure.salts.keys),
            Set(erasure.fields.keys).isDisjoint(with: erasure.salts.keys),
            // Hexadecimal text must be canonical too: the chain covers the bytes and would not detect another case.
            (erasure.fields.values.map(\.commitment) + erasure.salts.values).allSatisfy({
                Hex.decode($0).map(Hex.encode) == $0
            })
        else { return nil }
        self = erasure
    }

    /// The state of a row without erased fields: the salt of every field.
    init(startingWith row: AuditRow) {
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
    /// Replaces the values of fields. Empty fields and fields that were erased before do not change.
    /// - Returns: the erased fields in declaration order; empty when the row's erasure record cannot be parsed.
    mutating func erase(_ replacements: [PersonalField: String?], by event: String) throws -> [PersonalField] {
        var erasure: AuditErasure
        if let text = self.erasure {
            // A record that was tampered with stays as it is: verification reports it.
            guard let present = AuditErasure(text) else { return [] }
            erasure = present
        } else {
            erasure = AuditErasure(startingWith: self)
        }
        // Commitments are computed from the state before this erasure.
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
