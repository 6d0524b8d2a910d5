import Modules

extension IdentityModule {
    /// Proving an address, and having another one.
    var verificationRoutes: [Route] {
        [
            .post(
                "auth/verify-email", "Prove an e-mail address by the token or the code of a mail", requires: .public,
                problems: [.invalidProof, .proofUsed, .accountExists]
            ) { (request: EmailVerification, visitor) in
                try await verification.verify(
                    try Proof(token: request.token, email: request.email, code: request.otpCode), visitor: visitor)
            },
            .post("auth/resend-verification", "Send the mail that proves an address once more", requires: .public) {
                (request: AddressGiven, visitor) in
                try await verification.resend(to: request.email, visitor: visitor)
            },
            .post(
                "auth/change-email", "Ask for another e-mail address, which is to be proved first",
                requires: member.inPerson,
                problems: [.wrongPassword, .tooManyMails, .notFound]
            ) { (request: AddressChange, scope) in
                try await verification.changeAddress(request, scope: scope)
            },
            .get(
                "verify-email", "The page that a link to prove an address opens", requires: .public,
                .query("token", upTo: 400)
            ) { _, token in
                VerificationPages.verifyEmail(token: token ?? "")
            },
            .get(
                "reset-password", "The page that a link to set a password opens", requires: .public,
                .query("token", upTo: 400)
            ) { _, token in
                VerificationPages.resetPassword(token: token ?? "")
            },
        ]
    }

    var verificationWorkers: [Worker] {
        [
            Worker(PruneChallenges.self) { _, _ in
                .done { transaction in
                    while try transaction.forgetChallenges(limit: PruneChallenges.batch) == PruneChallenges.batch {}
                }
            }
        ]
    }

    var verificationSchedules: [Schedule] {
        [
            Schedule(id: PruneChallenges.name, .every(.days(1))) { _, queue, transaction in
                try queue.enqueue(PruneChallenges(), JobOptions(uniqueKey: PruneChallenges.name), in: transaction)
            }
        ]
    }
}

/// Removes links and codes that nobody asks about any more.
struct PruneChallenges: Job {
    static let name = "identity.forget-challenges"
    static let batch = 1_000
}

/// Either the token of a link, or an address and the code that was mailed to it.
struct EmailVerification: FormReadable {
    var token: String?
    var email: String?
    var otpCode: String?

    static let rules: [String: Rule] = [
        "token": .length(1...400), "email": .length(1...254), "otp_code": .length(1...20),
    ]
}

struct AddressGiven: FormReadable {
    var email: String

    static let rules: [String: Rule] = ["email": .length(1...254)]
}

struct AddressChange: Payload {
    var newEmail: String
    /// The present one, once more.
    var password: String

    static let rules: [String: Rule] = ["new_email": .length(1...254), "password": .length(1...1_024)]
}

struct EmailVerified: Payload {
    var success = true
    /// Whether the address was proved before, in another way.
    var alreadyVerified: Bool
    var message: String
    var email: String

    init(email: String, alreadyVerified: Bool) {
        self.email = email
        self.alreadyVerified = alreadyVerified
        message = alreadyVerified ? "This address was verified before" : "The address is verified"
    }
}

/// Says that something was taken note of, and no more.
struct Acknowledgement: Payload {
    var success = true
    var message: String
}
