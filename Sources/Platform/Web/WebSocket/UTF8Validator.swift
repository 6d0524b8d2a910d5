/// Validates UTF-8 that arrives in parts (RFC 3629), so that a faulty message is refused with its first faulty part.
struct UTF8Validator {
    /// How many continuation bytes are due.
    private var missing = 0
    /// The range of the next continuation byte, which excludes overlong forms, surrogates and values above U+10FFFF.
    private var next: ClosedRange<UInt8> = 0x80...0xBF

    /// Whether the parts so far end with a whole character.
    var isComplete: Bool { missing == 0 }

    /// - Returns: false where the bytes cannot continue the text.
    mutating func accepts(_ bytes: some Sequence<UInt8>) -> Bool {
        for byte in bytes {
            if missing > 0 {
                guard next.contains(byte) else { return false }
                missing -= 1
                next = 0x80...0xBF
            } else if byte >= 0x80 {
                guard begin(byte) else { return false }
            }
        }
        return true
    }

    private mutating func begin(_ byte: UInt8) -> Bool {
        switch byte {
        case 0xC2...0xDF: missing = 1
        case 0xE0: (missing, next) = (2, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE, 0xEF: missing = 2
        case 0xED: (missing, next) = (2, 0x80...0x9F)
        case 0xF0: (missing, next) = (3, 0x90...0xBF)
        case 0xF1...0xF3: missing = 3
        case 0xF4: (missing, next) = (3, 0x80...0x8F)
        default: return false
        }
        return true
    }
}
