import Modules
import Secrets

/// A single-use replacement for a code of the authenticator: 80 random bits as four groups of four base32 characters.
struct RecoveryCode: Sendable, Hashable {
    let text: String

    /// Codes of one person.
    static let count = 10
    private static let bytes = 10

    init(runtime: Runtime) {
        let characters = Base32.encode(runtime.randomBytes(Self.bytes))
        text = stride(from: 0, to: characters.count, by: 4).map { String(characters.dropFirst($0).prefix(4)) }.joined(
            separator: "-")
    }

    /// Parses user input: in any case, with or without hyphens and white space.
    /// - Returns: nil for text that is not a well-formed code.
    init?(typed: String) {
        let characters = typed.uppercased().filter { $0 != "-" && !$0.isWhitespace }
        guard let bytes = Base32.decode(characters), bytes.count == Self.bytes, Base32.encode(bytes) == characters
        else { return nil }
        text = characters
    }

    /// The stored hash. It needs no key because 80 random bits cannot be found by trial.
    func hash(of person: ID<Person>) -> String { Digest.hex("recovery code\n\(person)\n\(text.filter { $0 != "-" })") }
}
