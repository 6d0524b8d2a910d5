/// A typed identifier: an `ID<Dataset>` cannot be passed as an `ID<TrainingJob>`. The value is a UUIDv7 (RFC 9562) in
/// lower-case text, so that ids sort by creation time.
package struct ID<Subject>: Hashable, Sendable {
    package let text: String

    /// Parses an id of a client.
    /// - Returns: nil unless `text` is a UUID in its canonical 36-character form.
    package init?(_ text: String) {
        guard UUIDText.isCanonical(text) else { return nil }
        self.text = text.lowercased()
    }

    /// - Returns: nil unless there are 16 bytes.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        text = UUIDText.text(of: Array(bytes))
    }

    /// The 128 bits of the id, as tokens contain them. Empty for a trusted id that is not a UUID.
    package var bytes: [UInt8] { Hex.decode(text.filter { $0 != "-" }) ?? [] }

    /// - Parameter text: not validated: for ids that this system created, such as those of its own tables.
    package init(trusted text: String) { self.text = text }
}

extension ID: CustomStringConvertible {
    package var description: String { text }
}

extension ID: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = ID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a UUID")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

/// The text form of UUIDs, and the creation of version 7 (RFC 9562, section 5.7).
package enum UUIDText {
    package static func isCanonical(_ text: String) -> Bool {
        let bytes = text.utf8
        guard bytes.count == 36 else { return false }
        for (index, byte) in bytes.enumerated() {
            switch index {
            case 8, 13, 18, 23: if byte != UInt8(ascii: "-") { return false }
            default: if !isHex(byte) { return false }
            }
        }
        return true
    }

    /// - Parameters:
    ///   - milliseconds: since 1970; the lower 48 bits are used.
    ///   - random: 10 random bytes; version and variant overwrite six bits of them.
    package static func version7(milliseconds: Int64, random: [UInt8]) -> String {
        precondition(random.count == 10, "a UUIDv7 takes 10 random bytes")
        // Every request takes one: its bytes are on the stack.
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { bytes in
            for index in 0..<6 { bytes[index] = UInt8(truncatingIfNeeded: milliseconds >> (8 * (5 - Int64(index)))) }
            for index in 0..<10 { bytes[6 + index] = random[index] }
            bytes[6] = bytes[6] & 0x0F | 0x70
            bytes[8] = bytes[8] & 0x3F | 0x80
            return text(of: bytes)
        }
    }

    /// - Parameter bytes: 16 bytes.
    fileprivate static func text(of bytes: some Collection<UInt8>) -> String {
        String(unsafeUninitializedCapacity: 36) { text in
            var offset = 0
            for (index, byte) in bytes.enumerated() {
                if index == 4 || index == 6 || index == 8 || index == 10 {
                    text[offset] = UInt8(ascii: "-")
                    offset += 1
                }
                (text[offset], text[offset + 1]) = (Hex.digit(byte >> 4), Hex.digit(byte & 15))
                offset += 2
            }
            return offset
        }
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
