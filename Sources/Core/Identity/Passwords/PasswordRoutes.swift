import Modules

extension IdentityModule {
    /// Changing a password, and having another when it is forgotten.
    var passwordRoutes: [Route] {
        [
            .post(
                "auth/change-password", "Change one's password, which ends one's other sessions",
                requires: member.inPerson,
                problems: [.wrongPassword, .conflict]
            ) { (request: PasswordChange, scope) in
                try await passwords.change(request, scope: scope)
            },
            .post("auth/forgot-password", "Ask for a mail to set a new password with", requires: .public) {
                (request: AddressGiven, visitor) in
                try await passwords.forgot(request.email, visitor: visitor)
            },
            .post(
                "auth/reset-password", "Set a new password by the token or the code of a mail", requires: .public,
                problems: [.invalidProof, .proofUsed]
            ) { (request: PasswordReset, visitor) in
                let proof = try Proof(token: request.token, email: request.email, code: request.otpCode)
                return try await passwords.reset(proof, to: request.newPassword, visitor: visitor)
            },
        ]
    }
}

struct PasswordChange: Payload {
    var currentPassword: String?
    /// Another spelling of `current_password`.
    var oldPassword: String?
    var newPassword: String
    /// True by default.
    var signOutOthers: Bool?

    static let rules: [String: Rule] = [
        "current_password": .length(1...1_024), "old_password": .length(1...1_024), "new_password": .length(1...1_024),
    ]
}

/// Either the token of a link, or an address and the code that was mailed to it; and what is wanted.
struct PasswordReset: FormReadable {
    var token: String?
    var email: String?
    var otpCode: String?
    var newPassword: String

    static let rules: [String: Rule] = [
        "token": .length(1...400), "email": .length(1...254), "otp_code": .length(1...20),
        "new_password": .length(1...1_024),
    ]
}

struct PasswordChanged: Payload {
    var success = true
    var message: String
    var sessionsEnded: Int
}
