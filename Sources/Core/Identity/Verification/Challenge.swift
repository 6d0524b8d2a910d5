import Modules

/// Something mailed to an address that only its reader can send back: a link, and a code of six digits for those who cannot follow it.
struct Challenge: Sendable {
    let id: ID<Challenge>
    let person: ID<Person>
    let purpose: Purpose
    /// Where it was sent.
    let email: String
    let codeHash: String
    /// Whether it, or another of its purpose, was used, or what it was for is over.
    let isEnded: Bool

    /// What sending it back allows.
    enum Purpose: String, Sendable, CaseIterable, SQLBindable, SQLReadable {
        case verifyEmail = "verify-email"
        case resetPassword = "reset-password"
        case changeEmail = "change-email"

        /// How long its link is good.
        var linkLifetime: Duration {
            switch self {
            case .verifyEmail, .changeEmail: .hours(24)
            case .resetPassword: .hours(1)
            }
        }

        /// The letter that it is mailed in.
        var template: String {
            switch self {
            case .verifyEmail: "verify-email"
            case .changeEmail: "change-email"
            case .resetPassword: "reset-password"
            }
        }

        /// The page that its link opens.
        var page: String {
            switch self {
            case .verifyEmail, .changeEmail: "verify-email"
            case .resetPassword: "reset-password"
            }
        }
    }

    /// How long a code is good, and how often it may be tried.
    static let codeLifetime: Duration = .minutes(10)
    static let triesPerCode = 5
    /// How often codes of one purpose may be tried for one person within a day, however many are sent. A million codes and so many tries
    /// leave one in fifty thousand to luck; beyond them the link still works, so that nobody can shut the owner out.
    static let triesPerDay = 20
    /// No more than one mail of a purpose to a person in this time, and so many within an hour.
    static let pause: Duration = .minutes(1)
    static let mailsPerHour = 5
    /// How long a link is remembered, so that it can be said of it that it was used.
    static let kept: Duration = .days(30)

    init(row: Row) throws {
        id = try row["id"]
        person = try row["person_id"]
        purpose = try row["purpose"]
        email = try row["email"]
        codeHash = try row["code_hash"]
        isEnded = try row.read("ended_at", as: Instant?.self) != nil
    }
}

/// A challenge about to be written: its secrets are hashed already.
struct NewChallenge: Sendable {
    let id: ID<Challenge>
    let person: ID<Person>
    let purpose: Challenge.Purpose
    let email: String
    let linkHash: String
    let codeHash: String
}

/// What somebody sends back to prove that they read a mail.
enum Proof: Sendable {
    case link(token: String)
    case code(String, email: EmailAddress)

    private static let codeDigits = 6

    /// - Throws: `validation-failed` unless there is either a token, or an address and a code.
    init(token: String?, email: String?, code: String?) throws(Problem) {
        switch (token, code) {
        case (let token?, nil): self = .link(token: token)
        case (nil, let code?):
            guard let email else { throw Problem.invalid("/email", "is required beside otp_code") }
            self = .code(try Self.digits(code), email: try EmailAddress(reading: email, at: "/email"))
        case (nil, nil): throw Problem.invalid("/token", "is required, or email and otp_code in its place")
        case (_?, _?): throw Problem.invalid("/otp_code", "must not be there beside token")
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
