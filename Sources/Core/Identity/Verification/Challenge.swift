import Modules

/// A secret that is mailed to an address and sent back to verify who reads it: a link, and a code of six digits for
/// clients that cannot open the link.
struct Challenge: Sendable {
    let id: ID<Challenge>
    let person: ID<Person>
    let purpose: Purpose
    /// The address that it was mailed to.
    let email: String
    let codeHash: String
    /// Whether it, or another one of its purpose, was used, or was made void.
    let isEnded: Bool

    /// What its proof permits.
    enum Purpose: String, Sendable, CaseIterable, SQLBindable, SQLReadable {
        case verifyEmail = "verify-email"
        case resetPassword = "reset-password"
        case changeEmail = "change-email"

        /// How long its link is valid.
        var linkLifetime: Duration {
            switch self {
            case .verifyEmail, .changeEmail: .hours(24)
            case .resetPassword: .hours(1)
            }
        }

        /// The template of its mail.
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

    /// How long a code is valid, and how many attempts it has.
    static let codeLifetime: Duration = .minutes(10)
    static let triesPerCode = 5
    /// Attempts at codes of one purpose for one person within a day, however many codes are sent: of a million codes
    /// the chance of one is 1 in 50,000. Beyond them the link still works, so that the owner is not locked out.
    static let triesPerDay = 20
    /// At most one mail of a purpose to a person in this time, and so many within an hour.
    static let pause: Duration = .minutes(1)
    static let mailsPerHour = 5
    /// How long a used link is kept, so that it is answered as used and not as invalid.
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

/// The values of a new challenge, with its secrets hashed.
struct NewChallenge: Sendable {
    let id: ID<Challenge>
    let person: ID<Person>
    let purpose: Challenge.Purpose
    let email: String
    let linkHash: String
    let codeHash: String
}
