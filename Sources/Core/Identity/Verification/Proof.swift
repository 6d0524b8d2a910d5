import Modules

/// The proof that a mail was read: the token of its link, or its code with the address.
enum Proof: Sendable {
    case link(token: String)
    case code(String, email: EmailAddress)

    private static let codeDigits = 6

    /// - Throws: `validation-failed` unless there is either a token or an address and a code.
    init(token: String?, email: String?, code: String?) throws(Problem) {
        switch (token, code) {
        case (let token?, nil): self = .link(token: token)
        case (nil, let code?):
            guard let email else { throw Problem.invalid("/email", "is required beside otp_code") }
            self = .code(try Self.digits(code), email: try EmailAddress(reading: email, at: "/email"))
        case (nil, nil): throw Problem.invalid("/token", "is required, or email and otp_code in its place")
        case (_?, _?): throw Problem.invalid("/otp_code", "must be absent when token is present")
        }
    }

    private static func digits(_ code: String) throws(Problem) -> String {
        let digits = code.filter { !$0.isWhitespace }
        guard digits.utf8.count == codeDigits,
            digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else {
            throw Problem.invalid("/otp_code", "must be six digits")
        }
        return digits
    }
}
