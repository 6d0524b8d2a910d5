import Modules

/// The rules of passwords (NIST SP 800-63B, section 5.1.1.2): long enough, not common, not the person's own name.
struct PasswordPolicy: Sendable {
    /// In characters.
    let minimumLength: Int
    /// bcrypt ignores what follows these bytes.
    static let maximumBytes = 72

    /// - Parameters:
    ///   - personal: the person's names and address.
    ///   - pointer: the JSON pointer of the password in the body.
    /// - Throws: `validation-failed` at `pointer`, with the rule.
    func check(_ password: String, against personal: [String], at pointer: String = "/password") throws(Problem) {
        func refuse(_ detail: String) -> Problem { Problem.invalid(pointer, detail) }
        let password = PasswordHasher.normalized(password)
        guard password.count >= minimumLength else { throw refuse("must have at least \(minimumLength) characters") }
        guard password.utf8.count <= Self.maximumBytes else {
            throw refuse("must have at most \(Self.maximumBytes) bytes")
        }
        guard !password.hasNUL else { throw refuse("must not contain a NUL character") }
        let key = CanonicalText.key(of: password)
        guard !CommonPasswords.all.contains(key), Set(key).count > 2 else {
            throw refuse("is among the most common passwords; choose another")
        }
        guard !personal.contains(where: { Self.isSame(key, as: CanonicalText.key(of: $0)) }) else {
            throw refuse("must not be your own name or address")
        }
    }

    /// Whether a password is a name or an address, or has the letters of one and otherwise digits and signs.
    private static func isSame(_ password: String, as name: String) -> Bool {
        let local = String(name.prefix { $0 != "@" })
        if name.count >= 4, password == name || password == local { return true }
        let letters = password.filter(\.isLetter)
        return [name, local].contains { $0.count(where: \.isLetter) >= 4 && letters == $0.filter(\.isLetter) }
    }
}

extension Person {
    /// The texts that the person's password must not be.
    var names: [String] { [email, username, fullName, firstName, lastName].compactMap(\.self) }
}
