import Modules

struct PasswordChange: Payload {
    var currentPassword: String?
    /// Another spelling of `current_password`.
    var oldPassword: String?
    var newPassword: String
    /// A code of the authenticator, or a recovery code; required where MFA is enabled.
    var mfaCode: String?
    /// True by default.
    var signOutOthers: Bool?
    /// Whether all your API keys are revoked too. False by default.
    var revokeApiKeys: Bool?

    static let rules: [String: Rule] = [
        "current_password": .length(1...1_024), "old_password": .length(1...1_024), "new_password": .length(1...1_024),
        "mfa_code": .length(1...64),
    ]
}

/// A new password with either the token of a link, or an address and the code that was mailed to it.
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
    var apiKeysRevoked: Int
}
