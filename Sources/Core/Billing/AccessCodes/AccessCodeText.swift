import Modules
import Secrets

/// The text of an access code: `AUTOOS-` and four groups of four characters of Base32, which hold 80 random bits.
struct AccessCodeText: Sendable, Hashable, CustomStringConvertible {
    /// Sixteen characters.
    private let characters: String

    static let randomBytes = 10
    private static let prefix = "AUTOOS"

    /// - Parameter random: ten bytes.
    init(random: [UInt8]) {
        precondition(random.count == Self.randomBytes, "an access code holds ten random bytes")
        characters = Base32.encode(random)
    }

    /// Parses what a person has typed, in either case, with or without hyphens, blanks and the prefix. Base32 has no 0,
    /// 1 and 8: they are read as O, I and B.
    /// - Returns: nil for a text that is no code.
    init?(_ text: String) {
        var typed = text.uppercased().filter { $0 != "-" && !$0.isWhitespace }
        if typed.count == Self.prefix.count + 16, typed.hasPrefix(Self.prefix) {
            typed.removeFirst(Self.prefix.count)
        }
        let read = String(typed.map { $0 == "0" ? "O" : $0 == "1" ? "I" : $0 == "8" ? "B" : $0 })
        guard read.utf8.count == 16, Base32.decode(read) != nil else { return nil }
        characters = read
    }

    /// `AUTOOS-XXXX-XXXX-XXXX-XXXX`.
    var description: String {
        let all = Array(characters)
        let groups = stride(from: 0, to: all.count, by: 4).map { String(all[$0..<$0 + 4]) }
        return ([Self.prefix] + groups).joined(separator: "-")
    }

    var hint: String { String(characters.suffix(4)) }

    /// What is stored of the code: its SHA-256. 80 random bits are not found from it.
    var digest: String { Digest.hex(characters) }
}
