import Modules

/// Which passwords are accepted (NIST SP 800-63B, section 5.1.1.2): long enough, not known to everybody, not the person's own name.
struct PasswordPolicy: Sendable {
    /// In characters.
    let minimumLength: Int
    /// bcrypt reads no further than this many bytes.
    static let maximumBytes = 72

    /// - Throws: `validation-failed` at `/password`, with what to do about it.
    func check(_ password: String, against personal: [String]) throws(Problem) {
        func refuse(_ detail: String) -> Problem { Problem.invalid("/password", detail) }
        guard password.count >= minimumLength else { throw refuse("must have at least \(minimumLength) characters") }
        guard password.utf8.count <= Self.maximumBytes else { throw refuse("must have at most \(Self.maximumBytes) bytes") }
        guard !password.utf8.contains(0) else { throw refuse("must not contain a NUL character") }
        let key = CanonicalText.key(of: password)
        guard !CommonPasswords.all.contains(key), Set(key).count > 2 else { throw refuse("is among the most common passwords; choose another") }
        for name in personal.map(CanonicalText.key) where name.count >= 4 {
            let local = name.prefix { $0 != "@" }
            guard key != name, key != local else { throw refuse("must not be your own name or address") }
        }
    }
}
